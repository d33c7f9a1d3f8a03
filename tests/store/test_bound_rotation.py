"""Rotation of sessions that are bound to a key, from their issue on or later."""

import asyncio

import msgspec
import pytest

from satmint.model.possession import Accepted
from satmint.model.rotation import Head, RefreshTokenRef, Replayed, Rotated
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.key_holders import GRANT, KEY, OTHER_KEY, Holder
from tests.store.store_setup import Given, generation
from tests.store.tables import whole_tables


@pytest.fixture
async def bound(given: Given) -> Holder:
    """Holds the key of a session that was bound at issue, NOW."""
    return Holder(given, await given.session(await given.project(), "alice", jkt=KEY))


@pytest.fixture
async def unbound(given: Given) -> Holder:
    """Holds a key that the session, issued NOW, does not name."""
    return Holder(given, await given.session(await given.project(), "alice"))


async def test_a_pair_made_after_the_binding_names_the_key(given: Given, unbound: Holder) -> None:
    """The refresh token that is presented is older than the binding, and names none."""
    first = unbound.ref
    await unbound.prove()
    head = Head(1, NOW + 5, NOW + 7205, KEY)
    assert await given.rotate(first, at=NOW + 5) == Rotated(head)
    assert (await unbound.session()).head == head
    assert await given.rotate(first, at=NOW + 6) == Replayed(head)
    named = RefreshTokenRef(first.project, first.session, 1, first.epoch, KEY)
    assert await given.rotate(named, at=NOW + 7) == Rotated(Head(2, NOW + 7, NOW + 7207, KEY))


async def test_a_pair_that_was_lost_names_the_key_if_the_binding_came_between(
    given: Given, unbound: Holder
) -> None:
    assert await given.rotate(unbound.ref) == Rotated(Head(1, NOW, NOW + 7200))
    await unbound.prove()
    assert await given.rotate(unbound.ref) == Replayed(Head(1, NOW, NOW + 7200, KEY))


async def test_a_pair_made_after_the_binding_is_cut_by_the_deadline_as_well(given: Given) -> None:
    ref = await given.session(await given.project(), deadline=NOW + 5000, expires_at=NOW + 60)
    holder = Holder(given, ref)
    await holder.prove()
    assert await given.rotate(ref) == Rotated(Head(1, NOW, NOW + 4700, KEY))


@pytest.mark.parametrize("of_row", [None, OTHER_KEY])
async def test_a_token_that_names_a_key_which_the_session_has_not_makes_no_pair(
    store: Store, given: Given, of_row: str | None
) -> None:
    """It is newer than the backup that was restored: its pair could be bound to another key."""
    first = await given.session(await given.project(), jkt=of_row)
    named = msgspec.structs.replace(first, jkt=KEY)
    before = await whole_tables(store)
    verdict = await given.rotate(named)
    assert msgspec.to_builtins(verdict) == {"cause": "ahead_of_head"}
    assert await whole_tables(store) == before
    assert await given.rotate(first) == Rotated(Head(1, NOW, NOW + 7200, of_row))


async def test_rotation_and_possession_of_one_session_do_not_disturb_each_other(
    given: Given, bound: Holder
) -> None:
    for number in range(10):
        verdict, judgement = await asyncio.gather(
            given.rotate(generation(bound.ref, number)), bound.prove()
        )
        assert verdict == Rotated(Head(number + 1, NOW, NOW + 7200, KEY))
        assert judgement == Accepted(GRANT, bound=False)
