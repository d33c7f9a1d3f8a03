"""How long a session lives for its Client Bound SATs, and that no other session lives longer."""

import pytest

from satmint.model.possession import Accepted, Denied, Grant, PossessionResult
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.key_holders import KEY, Holder, denied
from tests.store.store_setup import Given
from tests.store.tables import whole_tables


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (9099, Accepted(Grant(NOW + 9099, NOW + 9999), bound=False)),
        (9100, Accepted(Grant(NOW + 9100, NOW + 10_000), bound=False)),
        (9101, Accepted(Grant(NOW + 9101, NOW + 10_000), bound=False)),
        (9999, Accepted(Grant(NOW + 9999, NOW + 10_000), bound=False)),
        (10_000, denied("deadline")),
        (10_001, denied("deadline")),
    ],
)
async def test_no_grant_goes_beyond_the_deadline(
    store: Store, given: Given, at: int, expected: PossessionResult
) -> None:
    ref = await given.session(await given.project(), deadline=NOW + 10_000, jkt=KEY)
    holder = Holder(given, ref)
    shown, asked = holder.shown(forget_at=NOW + at + 365), Grant(NOW + at, NOW + at + 900)
    before = await whole_tables(store)
    assert await holder.prove(shown, asked, at=NOW + at) == expected
    if isinstance(expected, Denied):
        assert await whole_tables(store) == before
    else:
        resent = await holder.prove(shown, asked, at=NOW + at + 5000)
        assert resent == Accepted(expected.grant, bound=False, resent=True)


async def test_a_session_at_its_deadline_is_bound_to_nobody(given: Given) -> None:
    ref = await given.session(await given.project(), deadline=NOW + 10_000)
    holder = Holder(given, ref)
    shown = holder.shown()
    assert await holder.prove(shown, at=NOW + 10_000) == denied("deadline")
    assert (await holder.session()).jkt is None


async def test_a_session_lives_as_long_as_its_longest_grant(given: Given) -> None:
    bound = Holder(given, await given.session(await given.project(), "alice", jkt=KEY))
    for until, lives_until in ((7499, 7500), (7500, 7500), (7501, 7501), (900, 7501)):
        await bound.prove(grant=Grant(NOW, NOW + until))
        assert (await bound.session()).lives_until == NOW + lives_until
    await given.rotate(bound.ref, at=NOW + 10)
    assert (await bound.session()).lives_until == NOW + 7510


async def test_a_grant_is_one_sessions_alone(given: Given) -> None:
    """Not of another one of the same project, subscriber and key, and of no other project."""
    project = await given.project()
    granted, *others = [
        Holder(given, await given.session(place, reference, jkt=KEY))
        for place, reference in (
            (project, "alice"),
            (project, "alice"),
            (project, "bob"),
            (await given.project(), "alice"),
        )
    ]
    before = [await other.session() for other in others]
    await granted.prove(grant=Grant(NOW + 5, NOW + 9000), at=NOW + 5)
    assert [await other.session() for other in others] == before
    session = await granted.session()
    assert (session.lives_until, session.device_token_at) == (NOW + 9000, NOW + 5)
