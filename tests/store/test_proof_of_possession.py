"""What a proof of possession means for a session, as a store decides it."""

import asyncio
from hashlib import sha256

import pytest
from msgspec.structs import replace

from satmint.model.events import EventKind
from satmint.model.possession import (
    MAX_RESENDS,
    Accepted,
    Denied,
    Grant,
    Possession,
    PossessionResult,
)
from satmint.store.contract import Store
from satmint.store.postgres.lock_waits import LockWaits
from tests.kit.clock import NOW
from tests.store.conftest import Open
from tests.store.key_holders import GRANT, KEY, OTHER_KEY, Holder, denied
from tests.store.store_setup import ALL, Given
from tests.store.tables import whole_tables


@pytest.fixture
async def bound(given: Given) -> Holder:
    """Holds the key of a session that was bound at issue, NOW."""
    return Holder(given, await given.session(await given.project(), "alice", jkt=KEY))


@pytest.fixture
async def unbound(given: Given) -> Holder:
    """Holds a key that the session, issued NOW, does not name."""
    return Holder(given, await given.session(await given.project(), "alice"))


async def changes_nothing(holder: Holder, shown: Possession, cause: str) -> None:
    """The proof is refused, nothing at all is written, and the proof is not used up by it."""
    before = await whole_tables(holder.given.store)
    assert await holder.prove(shown) == denied(cause)
    assert await holder.prove(shown, None) == denied(cause)
    assert await whole_tables(holder.given.store) == before


async def test_the_tables_that_are_compared_hold_everything(bound: Holder) -> None:
    before = await whole_tables(bound.given.store)
    await bound.prove()
    after = await whole_tables(bound.given.store)
    assert {name for name in after if after[name] != before[name]} == {
        "proofs",
        "events",
        "sessions",
    }
    assert {"projects", "subscribers", "sessions"} <= after.keys()


async def test_the_key_of_the_session_is_granted_what_it_asks_for(
    store: Store, bound: Holder
) -> None:
    before = await bound.session()
    assert await bound.prove() == Accepted(GRANT, bound=False)
    assert await bound.session() == replace(before, device_token_at=NOW)
    assert await bound.given.kinds(bound.ref.project) == [
        EventKind.ISSUED,
        EventKind.DEVICE_TOKEN_ISSUED,
    ]
    event = (await store.events.list(bound.ref.project, ALL)).items[-1]
    assert (event.session, event.at) == (bound.ref.session, NOW)


async def test_the_first_proof_binds_a_session_for_good(unbound: Holder) -> None:
    assert (await unbound.session()).jkt is None
    assert await unbound.prove() == Accepted(GRANT, bound=True)
    assert (await unbound.session()).jkt == KEY
    assert await unbound.prove() == Accepted(GRANT, bound=False)
    assert await unbound.prove(unbound.shown(OTHER_KEY)) == denied("key_mismatch")
    assert (await unbound.session()).jkt == KEY
    assert await unbound.given.kinds(unbound.ref.project) == [
        EventKind.ISSUED,
        EventKind.BOUND,
        EventKind.DEVICE_TOKEN_ISSUED,
        EventKind.DEVICE_TOKEN_ISSUED,
        EventKind.KEY_MISMATCH,
    ]


async def test_a_proof_for_which_nothing_is_asked_is_used_up_and_told_of_to_nobody(
    bound: Holder,
) -> None:
    shown = bound.shown()
    assert await bound.prove(shown, None) == Accepted(None, bound=False)
    assert await bound.prove(shown, None) == Accepted(None, bound=False, resent=True)
    other = replace(shown, request=sha256(b"other").digest())
    assert await bound.prove(other, None) == denied("proof_replayed")
    assert await bound.given.kinds(bound.ref.project) == [EventKind.ISSUED]


async def test_a_proof_for_which_nothing_is_asked_binds_as_well(unbound: Holder) -> None:
    assert await unbound.prove(grant=None) == Accepted(None, bound=True)
    assert (await unbound.session()).jkt == KEY
    kinds = await unbound.given.kinds(unbound.ref.project)
    assert kinds == [EventKind.ISSUED, EventKind.BOUND]


async def test_another_key_leaves_nothing_but_a_line_in_the_audit_trail(
    store: Store, bound: Holder
) -> None:
    shown = bound.shown(OTHER_KEY)
    before = await whole_tables(store)
    for _ in range(2):
        assert await bound.prove(shown) == denied("key_mismatch")
    after = await whole_tables(store)
    assert {name for name in after if after[name] != before[name]} == {"events"}
    assert len(after["events"]) == len(before["events"]) + 2
    events = (await store.events.list(bound.ref.project, ALL)).items[1:]
    assert {(event.kind, event.session) for event in events} == {
        (EventKind.KEY_MISMATCH, bound.ref.session)
    }


async def test_a_lost_answer_is_had_again_a_few_times_and_then_no_more(
    store: Store, bound: Holder
) -> None:
    shown = bound.shown()
    assert await bound.prove(shown) == Accepted(GRANT, bound=False)
    events = await bound.given.kinds(bound.ref.project)
    later = Grant(NOW + 60, NOW + 2000)
    for _ in range(MAX_RESENDS):
        answer = await bound.prove(shown, later, at=NOW + 60)
        assert answer == Accepted(GRANT, bound=False, resent=True)
    assert await bound.given.kinds(bound.ref.project) == events
    session = await bound.session()
    assert (session.lives_until, session.device_token_at) == (NOW + 7500, NOW)
    assert session.refreshed_at == NOW
    before = await whole_tables(store)
    for _ in range(2):
        assert await bound.prove(shown, later, at=NOW + 60) == denied("proof_replayed")
    assert await whole_tables(store) == before


async def test_the_answer_that_bound_a_session_is_had_again(unbound: Holder) -> None:
    shown = unbound.shown()
    assert await unbound.prove(shown) == Accepted(GRANT, bound=True)
    assert await unbound.prove(shown) == Accepted(GRANT, bound=False, resent=True)
    kinds = await unbound.given.kinds(unbound.ref.project)
    assert kinds == [EventKind.ISSUED, EventKind.BOUND, EventKind.DEVICE_TOKEN_ISSUED]


async def test_a_proof_that_was_used_is_good_for_no_other_request(bound: Holder) -> None:
    shown = bound.shown()
    await bound.prove(shown)
    other = replace(shown, request=sha256(b"other").digest())
    await changes_nothing(bound, other, "proof_replayed")
    # Nor has the attempt used up what the rightful request may still have.
    assert await bound.prove(shown) == Accepted(GRANT, bound=False, resent=True)


async def test_a_proof_used_for_one_session_is_used_for_all_of_its_project(
    given: Given, bound: Holder
) -> None:
    """The request cannot be the same: the token enters its digest."""
    second = Holder(given, await given.session(bound.ref.project, "bob", jkt=KEY))
    shown = bound.shown()
    await bound.prove(shown)
    stolen = replace(shown, session=second.ref.session, request=sha256(b"other").digest())
    await changes_nothing(second, stolen, "proof_replayed")


async def test_proofs_of_one_project_say_nothing_in_another(given: Given, bound: Holder) -> None:
    other = await given.project()
    elsewhere = Holder(given, await given.session(other, "alice", jkt=KEY))
    shown = bound.shown()
    await bound.prove(shown)
    same = replace(shown, project=other, session=elsewhere.ref.session)
    assert await elsewhere.prove(same) == Accepted(GRANT, bound=False)


async def test_a_session_that_is_not_there_is_unknown_and_so_is_another_projects(
    given: Given, bound: Holder
) -> None:
    await changes_nothing(bound, bound.shown(session=given.id()), "unknown_session")
    await changes_nothing(bound, bound.shown(project=await given.project()), "unknown_session")


async def test_a_revoked_session_grants_nothing_not_even_again(given: Given, bound: Holder) -> None:
    shown = bound.shown()
    await bound.prove(shown)
    await given.revoke(bound.ref)
    for proof in (shown, bound.shown(), bound.shown(OTHER_KEY)):
        await changes_nothing(bound, proof, "revoked")


async def test_a_revoked_session_is_bound_to_nobody(given: Given, unbound: Holder) -> None:
    await given.revoke(unbound.ref)
    await changes_nothing(unbound, unbound.shown(), "revoked")
    assert (await unbound.session()).jkt is None


async def test_a_revoked_project_grants_nothing(
    store: Store, given: Given, bound: Holder, unbound: Holder
) -> None:
    for holder in (bound, unbound):
        project = holder.ref.project
        event = given.event(EventKind.PROJECT_REVOKED, project)
        await store.sessions.revoke_project(project, NOW, event)
        await changes_nothing(holder, holder.shown(), "revoked")


async def test_a_revoked_key_grants_nothing(store: Store, given: Given, bound: Holder) -> None:
    project = bound.ref.project
    event = given.event(EventKind.SESSION_REVOKED, project)
    alice = await given.named(project, "alice")
    assert await store.sessions.revoke_key(project, alice, KEY, NOW, event) == 1
    await changes_nothing(bound, bound.shown(), "revoked")


async def test_a_key_that_a_proof_bound_can_be_revoked(
    store: Store, given: Given, unbound: Holder
) -> None:
    await unbound.prove()
    project = unbound.ref.project
    event = given.event(EventKind.SESSION_REVOKED, project)
    alice = await given.named(project, "alice")
    assert await store.sessions.revoke_key(project, alice, OTHER_KEY, NOW, event) == 0
    assert await store.sessions.revoke_key(project, alice, KEY, NOW, event) == 1
    await changes_nothing(unbound, unbound.shown(), "revoked")


async def test_a_revoked_subscriber_is_granted_nothing(
    store: Store, given: Given, bound: Holder
) -> None:
    project = bound.ref.project
    alice = await given.named(project, "alice")
    event = given.event(EventKind.SUBSCRIBER_REVOKED, project)
    await store.sessions.revoke_subscriber(project, alice, NOW, event)
    await changes_nothing(bound, bound.shown(), "revoked")


async def test_a_deleted_subscriber_is_granted_nothing(
    store: Store, given: Given, bound: Holder
) -> None:
    project = bound.ref.project
    alice = await given.named(project, "alice")
    event = given.event(EventKind.SUBSCRIBER_DELETED, project)
    await store.subscribers.delete(project, alice, NOW, event)
    await changes_nothing(bound, bound.shown(), "subscriber_deleted")


@pytest.mark.parametrize("epoch", [-1, 1])
async def test_a_token_of_another_epoch_grants_nothing(bound: Holder, epoch: int) -> None:
    await changes_nothing(bound, bound.shown(epoch=epoch), "stale_epoch")


@pytest.mark.parametrize("callers", [2, 32])
async def test_of_many_keys_that_are_shown_at_once_one_binds_the_session(
    unbound: Holder, callers: int
) -> None:
    keys = [f"{number:043}" for number in range(callers)]
    answers = await asyncio.gather(*(unbound.prove(unbound.shown(key)) for key in keys))
    winners = [
        key for key, answer in zip(keys, answers, strict=True) if isinstance(answer, Accepted)
    ]
    assert [(await unbound.session()).jkt] == winners
    assert [answer for answer in answers if isinstance(answer, Accepted)] == [
        Accepted(GRANT, bound=True)
    ]
    assert answers.count(denied("key_mismatch")) == callers - 1
    kinds = await unbound.given.kinds(unbound.ref.project)
    assert sorted(kinds) == sorted(
        [
            EventKind.ISSUED,
            EventKind.BOUND,
            EventKind.DEVICE_TOKEN_ISSUED,
            *[EventKind.KEY_MISMATCH] * (callers - 1),
        ]
    )


async def test_of_two_servers_that_are_shown_two_keys_one_binds_the_session(
    database: Open, given: Given
) -> None:
    project = await given.project()
    async with database() as store:
        second = Given(store, "second")
        for round_ in range(8):
            ref = await given.session(project, f"user-{round_}")
            here, there = Holder(given, ref), Holder(second, ref)
            answers = await asyncio.gather(
                *(
                    holder.prove(holder.shown(key))
                    for _ in range(3)
                    for holder, key in ((here, KEY), (there, OTHER_KEY))
                )
            )
            winner = (await here.session()).jkt
            assert winner in (KEY, OTHER_KEY)
            granted = [answer for answer in answers if isinstance(answer, Accepted)]
            assert sorted(answer.bound for answer in granted) == [False, False, True]
            assert answers.count(denied("key_mismatch")) == 3


async def test_of_many_who_send_one_request_at_once_one_is_granted_and_a_few_get_the_same(
    bound: Holder,
) -> None:
    shown = bound.shown()
    answers = await asyncio.gather(*(bound.prove(shown) for _ in range(12)))
    assert answers.count(Accepted(GRANT, bound=False)) == 1
    assert answers.count(Accepted(GRANT, bound=False, resent=True)) == MAX_RESENDS
    assert answers.count(denied("proof_replayed")) == 12 - 1 - MAX_RESENDS


async def test_of_two_servers_that_are_sent_one_request_one_grants(
    database: Open, given: Given
) -> None:
    project = await given.project()
    async with database() as store:
        second = Given(store, "second")
        for round_ in range(8):
            ref = await given.session(project, f"user-{round_}", jkt=KEY)
            here, there = Holder(given, ref), Holder(second, ref)
            shown = here.shown(proof=sha256(b"%d" % round_).digest())
            answers = await asyncio.gather(
                *(holder.prove(shown) for _ in range(2) for holder in (here, there))
            )
            assert answers.count(Accepted(GRANT, bound=False)) == 1
            assert answers.count(Accepted(GRANT, bound=False, resent=True)) == 3


async def test_of_two_servers_that_are_shown_one_proof_for_two_sessions_one_accepts_it(
    database: Open, given: Given
) -> None:
    """They hold different sessions' rows; what they have in common is the proof."""
    project = await given.project()
    async with database() as store:
        second = Given(store, "second")
        for round_ in range(8):
            here = Holder(given, await given.session(project, f"here-{round_}", jkt=KEY))
            there = Holder(second, await given.session(project, f"there-{round_}", jkt=KEY))
            proofs = [sha256(b"%d %d" % (round_, number)).digest() for number in range(6)]
            # Either server is shown them in another order, among others that only it is shown.
            ours = [here.prove(here.shown(proof=proof)) for proof in proofs]
            theirs = [there.prove(there.shown(proof=proof)) for proof in reversed(proofs)]
            alone = [holder.prove() for holder in (here, there)]
            answers = await asyncio.gather(*ours, *theirs, *alone)
            for one, other in zip(answers[:6], reversed(answers[6:12]), strict=True):
                assert {one, other} == {Accepted(GRANT, bound=False), denied("proof_replayed")}
            assert answers[12:] == [Accepted(GRANT, bound=False)] * 2
            assert (await here.session()).device_token_at == NOW


async def test_what_comes_at_once_is_judged_as_if_it_came_one_after_another(given: Given) -> None:
    async def outcome(*, at_once: bool) -> tuple[list[PossessionResult], object, list[EventKind]]:
        project = await given.project()
        holder = Holder(given, await given.session(project))
        other = Holder(given, await given.session(project, jkt=OTHER_KEY))
        lost = holder.shown()
        stolen = replace(lost, request=b"another request")
        calls = [
            (holder, holder.shown(), None, 0),  # binds
            (holder, lost, Grant(NOW + 3, NOW + 9000), 3),
            (holder, holder.shown(OTHER_KEY), GRANT, 3),
            (holder, lost, Grant(NOW + 4, NOW + 900), 4),  # its first answer was lost
            (other, other.shown(OTHER_KEY), GRANT, 4),
            (holder, stolen, GRANT, 4),
            (holder, holder.shown(), Grant(NOW + 2, NOW + 8000), 2),
            (holder, lost, GRANT, 5),
        ]
        answers = [who.prove(shown, grant, at=NOW + at) for who, shown, grant, at in calls]
        judgements = (
            list(await asyncio.gather(*answers)) if at_once else [await one for one in answers]
        )
        session = await holder.session()
        seen = session.jkt, session.lives_until, session.device_token_at
        return judgements, seen, sorted(await given.kinds(project))

    together = await outcome(at_once=True)
    assert together == await outcome(at_once=False)
    assert together[0] == [
        Accepted(None, bound=True),
        Accepted(Grant(NOW + 3, NOW + 9000), bound=False),
        denied("key_mismatch"),
        Accepted(Grant(NOW + 3, NOW + 9000), bound=False, resent=True),
        Accepted(GRANT, bound=False),
        denied("proof_replayed"),
        Accepted(Grant(NOW + 2, NOW + 8000), bound=False),
        Accepted(Grant(NOW + 3, NOW + 9000), bound=False, resent=True),
    ]
    assert together[1] == (KEY, NOW + 9000, NOW + 3)


async def test_a_race_with_a_revocation_grants_nothing_after_it(
    given: Given, unbound: Holder
) -> None:
    first, _, *rest = await asyncio.gather(
        unbound.prove(),
        given.revoke(unbound.ref),
        *(unbound.prove() for _ in range(5)),
    )
    assert first in (Accepted(GRANT, bound=True), denied("revoked"))
    assert {type(answer) for answer in rest} <= {Accepted, Denied}
    await changes_nothing(unbound, unbound.shown(), "revoked")


async def test_it_is_seen_by_whoever_looks_after_it_returned(
    database: Open, unbound: Holder
) -> None:
    async with database() as second:
        shown = unbound.shown()
        await unbound.prove(shown)
        other = Holder(Given(second, "second"), unbound.ref)
        assert (await other.session()).jkt == KEY
        assert await other.prove(shown) == Accepted(GRANT, bound=False, resent=True)


async def test_a_proof_is_forgotten_once_it_is_too_old_anyway(store: Store, bound: Holder) -> None:
    early, late = bound.shown(forget_at=NOW + 365), bound.shown(forget_at=NOW + 366)
    for shown in (early, late):
        await bound.prove(shown)
    assert (await store.purge(NOW + 364, 0, 500)).removed == 0
    assert (await store.purge(NOW + 365, 0, 500)).removed == 1
    assert await bound.prove(early) == Accepted(GRANT, bound=False)
    assert await bound.prove(late) == Accepted(GRANT, bound=False, resent=True)


async def test_proofs_are_forgotten_in_small_steps(store: Store, given: Given) -> None:
    holders = [Holder(given, await given.session(await given.project(), jkt=KEY)) for _ in range(3)]
    for holder in holders:
        for number in range(8):
            await holder.prove(holder.shown(forget_at=NOW + number))
    steps = [(await store.purge(NOW + 5, 0, 4)).removed for _ in range(8)]
    assert sum(steps) == 3 * 6
    assert max(steps) <= 4
    assert len((await whole_tables(store))["proofs"]) == 3 * 2


async def test_many_proofs_of_one_session_share_a_batch(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one holder could keep every connection to the database waiting for its own row."""

    async def never(*_: object) -> PossessionResult:
        raise AssertionError("waited for a row that nobody else holds")

    monkeypatch.setattr(LockWaits, "repeat", never)
    holder = Holder(given, await given.session(await given.project()))
    proofs = [holder.shown() for _ in range(30)]
    judgements = await asyncio.gather(*(holder.prove(shown) for shown in proofs))
    assert [one.bound for one in judgements if isinstance(one, Accepted)].count(True) == 1
    assert all(isinstance(one, Accepted) and not one.resent for one in judgements)
    resent = await asyncio.gather(*(holder.prove(proofs[0]) for _ in range(MAX_RESENDS + 3)))
    assert [one for one in resent if isinstance(one, Accepted) and one.resent] == resent[
        :MAX_RESENDS
    ]
    assert resent[MAX_RESENDS:] == [denied("proof_replayed")] * 3
