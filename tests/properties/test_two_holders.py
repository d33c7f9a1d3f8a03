"""A thief and a victim share a session: when an alarm comes, in every order of what they do."""

from collections.abc import Iterator
from itertools import product
from typing import Final

import pytest

from satmint.model.rotation import Cause, Refused, RotationDecision
from tests.properties.two_holders import (
    WINDOW,
    Holders,
    Move,
    Outcome,
    Present,
    Revoke,
    Step,
    Use,
    Wait,
)

VICTIM, THIEF = 0, 1
DEPTH: Final = 8
MOVES: Final[tuple[Move, ...]] = (
    *(Present(holder, lost) for holder in (VICTIM, THIEF) for lost in (False, True)),
    *(Use(VICTIM), Use(THIEF)),
    *(Wait(11), Wait(601), Wait(7400)),
    *(Step(-15), Step(-3600)),
    Revoke(),
)
ALARMS: Final = (RotationDecision.REVOKE, RotationDecision.REVOKE_WINDOW_OVER)
GRANTS: Final = (RotationDecision.ROTATE, RotationDecision.REPLAY)


def walks() -> Iterator[tuple[Holders, Move, Holders, Outcome]]:
    """Every transition of every walk of `DEPTH` moves; moments that are alike are walked once."""
    frontier, known = [Holders()], {Holders().likeness}
    for depth in range(1, DEPTH + 1):
        following = []
        for before in frontier:
            for move in MOVES:
                after, outcome = before.play(move)
                yield before, move, after, outcome
                if after is before or depth == DEPTH:
                    continue
                likeness = after.likeness
                if likeness not in known:
                    known.add(likeness)
                    following.append(after)
        frontier = following


def test_every_order_of_what_two_holders_do() -> None:
    seen = set[tuple[object, bool]]()
    for before, move, after, outcome in walks():
        assert after.state.head.generation - before.state.head.generation == (
            outcome is RotationDecision.ROTATE
        )
        assert after.state.revoked >= before.state.revoked
        if isinstance(move, Present):
            check_presenting(before, move.holder, after, outcome)
            seen.add((outcome.cause if isinstance(outcome, Refused) else outcome, move.lost))
        elif isinstance(move, Use) and before.state.revoked:
            assert outcome is False
    decisions = {*RotationDecision, Cause.REVOKED, Cause.EXPIRED}
    assert seen == set(product(decisions, [False, True]))


def check_presenting(before: Holders, holder: int, after: Holders, outcome: Outcome) -> None:
    """What must hold, said without the rules of the model."""
    assert after.state.revoked == (before.state.revoked or outcome in ALARMS)
    if before.state.revoked:
        assert outcome == Refused(Cause.REVOKED)
        return
    behind = before.behind(holder)
    expired = before.now >= before.dies[before.has[holder]]
    if expired:
        assert outcome not in GRANTS
    if behind == 0:
        assert outcome is RotationDecision.ROTATE or (expired and outcome == Refused(Cause.EXPIRED))
    elif behind > 1 or expired or before.used_late:  # and whatever the clock did since
        assert outcome in ALARMS
    elif not before.stepped:
        apart, limit = before.real_age, 10 if before.state.seen else WINDOW
        assert (outcome in ALARMS) is (apart > limit)


def test_a_step_back_reopens_nothing_that_was_over_when_the_head_was_used() -> None:
    """The walk says the same; this is the shortest way there."""
    moves = (Present(THIEF), Use(THIEF), Wait(601), Use(THIEF), Step(-601), Present(VICTIM))
    assert outcomes(Holders(), moves)[-1] is RotationDecision.REVOKE


def test_a_step_back_reopens_no_window_that_was_over() -> None:
    """The server looked at its clock for another holder of a SAT, when the window was over."""
    walk = (Present(THIEF), Step(700), Use(VICTIM), Step(-200), Present(VICTIM))
    assert outcomes(Holders(), walk)[-1] is RotationDecision.REVOKE_WINDOW_OVER


def test_a_small_step_back_hurts_nobody() -> None:
    moves = (Present(VICTIM, lost=True), Step(-10), Present(VICTIM))
    assert outcomes(Holders(), moves)[-1] is RotationDecision.REPLAY


def outcomes(holders: Holders, moves: tuple[Move, ...]) -> list[Outcome]:
    told = []
    for move in moves:
        holders, outcome = holders.play(move)
        told.append(outcome)
    return told


DELAYS: Final = (-5900, -601, -600, -11, -10, 0, 10, 11, 600, 601, 5900)
"""Seconds by which the thief comes after the victim; negative: before."""
USERS: Final = ((), (VICTIM,), (THIEF,), (VICTIM, THIEF))
"""Who uses a SAT of the new pair as soon as it has one, and so before the other one comes."""


def rounds(window: int, delay: int, users: tuple[int, ...]) -> bool:
    """Whether six rounds of this discipline raise an alarm, or cost the thief the session."""
    holders, first = Holders(window=window), VICTIM if delay >= 0 else THIEF
    for _ in range(6):
        for holder, wait in ((first, abs(delay)), (1 - first, 6000 - abs(delay))):
            holders, outcome = holders.play(Present(holder))
            if outcome in ALARMS:
                return True
            assert outcome in GRANTS
            if holder in users:
                holders, _ = holders.play(Use(holder))
            holders, _ = holders.play(Wait(wait))
    assert holders.has == (6, 6)  # the thief has what the victim has
    return False


@pytest.mark.parametrize("window", [0, 5, 10, 60, WINDOW])
def test_a_thief_stays_unseen_in_the_window_alone(window: int) -> None:
    """Always within the window, and the head unused until then or ten seconds old: nothing else.

    With a window of 0 no discipline is left.
    """
    unseen = {
        (delay, users)
        for delay, users in product(DELAYS, USERS)
        if not rounds(window, delay, users)
    }
    assert unseen == {
        (delay, users)
        for delay, users in product(DELAYS, USERS)
        if window > 0
        and abs(delay) <= window
        and (abs(delay) <= 10 or (VICTIM if delay >= 0 else THIEF) not in users)
    }
    assert bool(unseen) is (window > 0)
