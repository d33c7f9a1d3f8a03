"""Two holders of one session on real stores: what the rules say of their walks is what happens.

`tests/properties/test_two_holders.py` walks all of them on the rules alone; these are samples.
"""

from random import Random

import pytest
from msgspec.structs import replace

from satmint.model.rotation import Refused, Replayed, Reused, Rotated, RotationDecision
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.properties.test_two_holders import DEPTH, MOVES
from tests.properties.two_holders import START, Holders, Present, Revoke, Use
from tests.store.store_setup import Given

WALKS = 60
RESULTS: dict[RotationDecision, type[Rotated] | type[Replayed] | type[Reused]] = {
    RotationDecision.ROTATE: Rotated,
    RotationDecision.REPLAY: Replayed,
    RotationDecision.REVOKE: Reused,
    RotationDecision.REVOKE_WINDOW_OVER: Reused,
}


def test_both_begin_at_the_same_time() -> None:
    assert START == NOW


@pytest.mark.parametrize("seed", ["one", "two"])
async def test_walks_of_two_holders_end_as_the_rules_say(
    store: Store, given: Given, seed: str
) -> None:
    dice, project = Random(seed), await given.project()
    for _ in range(WALKS):
        holders, first = Holders(), await given.session(project)
        for move in dice.choices(MOVES, k=DEPTH):
            before = holders
            holders, outcome = before.play(move)
            match move:
                case Present(holder):
                    ref = replace(before.ref(holder), project=project, session=first.session)
                    result = await given.rotate(ref, at=before.now)
                    if isinstance(outcome, RotationDecision):
                        assert isinstance(result, RESULTS[outcome])
                        assert result.head == holders.state.head
                    else:
                        assert isinstance(outcome, Refused)
                        assert result == outcome
                case Use(holder) if outcome is True:
                    generation = before.has[holder]
                    sat = replace(first, generation=generation)
                    store.sessions.mark_seen(sat, before.now)
                case Revoke():
                    await given.revoke(first, at=before.now)
        await given.settled()
        found = await store.sessions.get(project, first.session)
        assert found is not None
        assert replace(found.state, replays=0) == holders.state
