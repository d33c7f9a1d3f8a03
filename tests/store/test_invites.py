"""Invites: they end with the session that made them, and are limited in number."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import pytest
from msgspec.structs import replace

from satmint.model.claims import Kind
from satmint.model.events import EventKind
from satmint.model.lifetimes import ACCESS_SECONDS
from satmint.model.records import Session
from satmint.model.rotation import RefreshTokenRef, Reused
from satmint.store.contract import InvitesExhausted, OpenedSession, Store
from tests.kit.clock import NOW
from tests.store.key_holders import KEY, OTHER_KEY, Holder, denied
from tests.store.store_setup import ALL, Given, generation

DAY: Final = 86_400
WEEK: Final = 7 * DAY

End = Callable[[Given, RefreshTokenRef, UUID], Awaitable[object]]


async def invited(given: Given, inviter: RefreshTokenRef, expires_at: int = NOW + WEEK) -> UUID:
    """The session of a new invite."""
    session, opened = await given.invite(inviter, expires_at=expires_at)
    assert isinstance(opened, OpenedSession)
    return session


async def found(given: Given, project: UUID, session: UUID) -> Session:
    stored = await given.store.sessions.get(project, session)
    assert stored is not None
    return stored.session


async def subscriber_of(given: Given, ref: RefreshTokenRef) -> UUID:
    return (await found(given, ref.project, ref.session)).subscriber


async def by_key(given: Given, ref: RefreshTokenRef, subscriber: UUID) -> None:
    event = given.event(EventKind.SESSION_REVOKED, ref.project, subscriber=subscriber)
    store = given.store.sessions
    assert await store.revoke_key(ref.project, subscriber, KEY, NOW, event) == 1


async def by_subscriber(given: Given, ref: RefreshTokenRef, subscriber: UUID) -> None:
    event = given.event(EventKind.SUBSCRIBER_REVOKED, ref.project, subscriber=subscriber)
    assert await given.store.sessions.revoke_subscriber(ref.project, subscriber, NOW, event) == 1


async def by_deletion(given: Given, ref: RefreshTokenRef, subscriber: UUID) -> None:
    event = given.event(EventKind.SUBSCRIBER_DELETED, ref.project, subscriber=subscriber)
    assert await given.store.subscribers.delete(ref.project, subscriber, NOW, event)


async def by_project(given: Given, ref: RefreshTokenRef, _subscriber: UUID) -> None:
    event = given.event(EventKind.PROJECT_REVOKED, ref.project)
    await given.store.sessions.revoke_project(ref.project, NOW, event)


async def by_reuse(given: Given, ref: RefreshTokenRef, _subscriber: UUID) -> None:
    await given.rotate(ref)
    await given.rotate(generation(ref, 1))
    assert isinstance(await given.rotate(ref), Reused)


ENDS: Final[dict[str, End]] = {
    "session": lambda given, ref, _: given.revoke(ref),
    "key": by_key,
    "subscriber": by_subscriber,
    "subscriber deleted": by_deletion,
    "project": by_project,
    "reuse detected": by_reuse,
}


@pytest.mark.parametrize("end", ENDS)
async def test_an_invite_ends_in_the_step_that_ends_its_inviter(given: Given, end: str) -> None:
    project = await given.project()
    inviter, beside = await given.session(project, jkt=KEY), await given.session(project, "bob")
    invites = [await invited(given, inviter) for _ in range(3)]
    other = await invited(given, beside)
    subscriber = await subscriber_of(given, inviter)
    await ENDS[end](given, inviter, subscriber)
    for invite in invites:
        stored = await given.store.sessions.get(project, invite)
        assert stored is not None
        assert (stored.state.revoked, stored.session.revoked_at) == (True, NOW)
        listed = await given.store.sessions.list(project, stored.session.subscriber, ALL)
        assert [one.revoked_at for one in listed.items] == [NOW]
    survivor = await found(given, project, other)
    assert (survivor.revoked_at is None) == (end != "project")


async def test_an_invite_is_kept_with_who_made_it(given: Given) -> None:
    project = await given.project()
    inviter = await given.session(project)
    invite = await found(given, project, await invited(given, inviter))
    assert invite.kind is Kind.INVITE
    assert invite.inviter is not None
    assert invite.inviter.session == inviter.session
    assert invite.inviter.subscriber == await subscriber_of(given, inviter)
    assert (invite.head.expires_at, invite.lives_until) == (NOW + WEEK, NOW + WEEK + 300)
    guest = await given.guest(project, kind=Kind.INVITE)
    assert (await found(given, project, guest[1].session)).inviter is None


async def test_a_session_that_is_not_active_invites_nobody(store: Store, given: Given) -> None:
    project, other = await given.project(), await given.project()
    revoked, of_old = await given.session(project), await given.session(other)
    await given.revoke(revoked)
    await by_project(given, of_old, given.id())
    unknown = RefreshTokenRef(project, given.id(), 0, 0)
    foreign = RefreshTokenRef(other, (await given.session(project)).session, 0, 0)
    before = [await store.events.list(one, ALL) for one in (project, other)]
    for ref, cause in (
        (revoked, "revoked"),
        (of_old, "revoked"),
        (unknown, "unknown_session"),
        (foreign, "unknown_session"),
    ):
        session, answer = await given.invite(ref)
        assert answer == denied(cause)
        assert await store.sessions.get(ref.project, session) is None
    assert [await store.events.list(one, ALL) for one in (project, other)] == before


async def test_many_at_once_never_exceed_the_limit(given: Given) -> None:
    project = await given.project()
    inviter, beside = await given.session(project), await given.session(project, "bob")
    answers = await asyncio.gather(*(given.invite(inviter, max_active=5) for _ in range(20)))
    opened = [answer for _, answer in answers if isinstance(answer, OpenedSession)]
    refused = [answer for _, answer in answers if not isinstance(answer, OpenedSession)]
    assert len(opened) == 5
    assert refused == [InvitesExhausted(NOW + ACCESS_SECONDS)] * 15
    assert isinstance((await given.invite(beside, max_active=5))[1], OpenedSession)


async def test_invites_that_have_ended_do_not_count(given: Given) -> None:
    project = await given.project()
    inviter = await given.session(project)
    short, long = NOW + 60, NOW + WEEK
    for expires_at in (long, short):
        await given.invite(inviter, max_active=2, expires_at=expires_at)
    for at, first in ((NOW, short), (short - 1, short)):
        _, answer = await given.invite(inviter, max_active=2, at=at)
        assert answer == InvitesExhausted(first)
    session, answer = await given.invite(inviter, max_active=2, at=short, expires_at=long)
    assert isinstance(answer, OpenedSession)
    await given.revoke(RefreshTokenRef(project, session, 0, 0))
    _, answer = await given.invite(inviter, max_active=2, at=short)
    assert isinstance(answer, OpenedSession)


async def test_the_session_that_invited_is_kept_until_its_last_invite_has_expired(
    store: Store, given: Given
) -> None:
    project = await given.project()
    inviter = await given.session(project)
    invite = await invited(given, inviter)
    late = NOW + 3 * DAY  # a day after the inviter's last token, sessions are purged
    await store.purge(late, 0, 1000)
    assert (await found(given, project, inviter.session)).lives_until == NOW + WEEK + 300
    assert (await found(given, project, invite)).revoked_at is None
    await given.revoke(inviter, at=late)
    assert (await found(given, project, invite)).revoked_at == late
    await store.purge(NOW + WEEK + DAY + 300, 0, 1000)
    for session in (inviter.session, invite):
        assert await store.sessions.get(project, session) is None


async def test_ended_invites_are_not_counted_as_active(store: Store, given: Given) -> None:
    project = await given.project()
    inviter, _ = await given.session(project), await given.session(project, "bob")
    await invited(given, inviter)
    assert (await store.purge(NOW, 0, 1000)).active == 3
    await given.revoke(inviter)
    assert (await store.purge(NOW, 0, 1000)).active == 1


async def test_a_proof_is_good_for_one_invite(store: Store, given: Given) -> None:
    project = await given.project()
    inviter = await given.session(project, jkt=KEY)
    holder = Holder(given, inviter)
    proof = holder.shown()
    _, answer = await given.invite(inviter, possession=proof)
    assert isinstance(answer, OpenedSession)
    before = await store.events.list(project, ALL)
    for _ in range(2):
        assert (await given.invite(inviter, possession=proof))[1] == denied("proof_replayed")
    assert await holder.prove(proof, None) != denied("key_mismatch")
    assert await store.events.list(project, ALL) == before
    _, answer = await given.invite(inviter, possession=holder.shown())
    assert isinstance(answer, OpenedSession)


async def test_a_proof_of_another_key_makes_no_invite_and_is_told_of(
    store: Store, given: Given
) -> None:
    project = await given.project()
    inviter = await given.session(project, jkt=KEY)
    session, answer = await given.invite(
        inviter, possession=Holder(given, inviter).shown(OTHER_KEY)
    )
    assert answer == denied("key_mismatch")
    assert await store.sessions.get(project, session) is None
    assert (await given.kinds(project))[-1] is EventKind.KEY_MISMATCH


async def test_an_invite_that_is_refused_for_its_number_uses_no_proof_up(given: Given) -> None:
    project = await given.project()
    inviter = await given.session(project, jkt=KEY)
    holder = Holder(given, inviter)
    proof = holder.shown()
    await given.invite(inviter, max_active=1, expires_at=NOW + 60)
    _, answer = await given.invite(inviter, max_active=1, possession=proof)
    assert answer == InvitesExhausted(NOW + 60)
    _, answer = await given.invite(inviter, max_active=1, possession=proof, at=NOW + 60)
    assert isinstance(answer, OpenedSession)


async def test_two_tokens_with_one_proof_at_once_make_one_invite(given: Given) -> None:
    project = await given.project()
    one, other = await given.session(project, jkt=KEY), await given.session(project, jkt=KEY)
    shown = Holder(given, one).shown()
    answers = await asyncio.gather(
        given.invite(one, possession=shown),
        given.invite(other, possession=replace(shown, session=other.session)),
    )
    opened = [isinstance(answer, OpenedSession) for _, answer in answers]
    assert sorted(opened) == [False, True]
