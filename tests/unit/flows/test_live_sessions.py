"""Live sessions: who is let in, resumed and prolonged, and as what."""

import sqlite3
from collections.abc import Awaitable
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from satmint.flows.live import (
    LEASE_SECONDS,
    Credentials,
    is_session_active,
    open_live_session,
    reauthenticate_live_session,
    resume_live_session,
    set_offline,
    set_online,
)
from satmint.flows.revoke import revoke_project, revoke_session, revoke_subscriber
from satmint.flows.session_queries import list_presence
from satmint.flows.subscribers import delete_subscriber
from satmint.model.claims import Kind
from satmint.model.events import EventKind
from satmint.model.live import Admission, ResumeState
from satmint.model.records import Presence
from satmint.model.refusals import NotFound, Unauthorized
from tests.kit.clock import NOW
from tests.kit.devices import Browser, a_browser
from tests.kit.proofs import Signer
from tests.kit.service import ORIGIN, Server, a_service, said

CONNECT: Final = "signalwire.connect"
REAUTHENTICATE: Final = "signalwire.reauthenticate"
STRANGER: Final = Signer.generate("ES256")
ONE: Final = UUID(int=1)
OTHER: Final = UUID(int=2)


def shown(token: str, proof: str | None = None, connection: UUID = ONE) -> Credentials:
    return Credentials(token, proof, connection, ORIGIN)


def proof(browser: Browser, method: str = CONNECT, **changes: Any) -> str:  # noqa: ANN401
    return browser.signer.rpc_proof(method, **changes)


async def cause_of(admitting: Awaitable[object]) -> str:
    """Why nobody is let in."""
    with pytest.raises(Unauthorized) as refusal:
        await admitting
    return refusal.value.cause


async def test_good_sat_is_admitted_as_what_it_says(server: Server) -> None:
    application = "6b4f4a5e-0000-4000-8000-000000000001"
    pair = await server.sign_in(application_id=application)
    claims = server.claims(pair["token"])
    assert await open_live_session(server.services, shown(pair["token"])) == Admission(
        project=claims.prj,
        subscriber=claims.sub,
        session=claims.sid,
        epoch=0,
        kind=Kind.SUBSCRIBER,
        jti=claims.jti,
        expires_at=NOW + 7200,
        scope=(),
        jkt=None,
        application=UUID(application),
    )


@pytest.mark.parametrize(("second", "good"), [(-1, True), (0, False), (1, False)])
async def test_sat_opens_nothing_from_its_last_second_on(
    server: Server, second: int, *, good: bool
) -> None:
    pair = await server.sign_in()
    server.clock.at = NOW + 7200 + second
    if good:
        assert (
            await open_live_session(server.services, shown(pair["token"]))
        ).expires_at == NOW + 7200
    else:
        assert await cause_of(open_live_session(server.services, shown(pair["token"]))) == "expired"


async def test_bound_sat_needs_its_key_and_is_admitted_as_bound(server: Server) -> None:
    browser = await a_browser(server)
    assert (
        await cause_of(open_live_session(server.services, shown(browser.token))) == "proof_missing"
    )
    stranger = STRANGER.rpc_proof(CONNECT)
    told = await cause_of(open_live_session(server.services, shown(browser.token, stranger)))
    assert told == "key_mismatch"
    admission = await open_live_session(server.services, shown(browser.token, proof(browser)))
    assert admission.jkt == browser.signer.jkt
    assert admission.scope == ("sat:refresh",)
    assert (await server.events())[1:] == [EventKind.ISSUED, EventKind.KEY_MISMATCH]


async def test_proof_is_good_for_one_connection_and_there_again(server: Server) -> None:
    browser = await a_browser(server)
    used = proof(browser)
    await open_live_session(server.services, shown(browser.token, used))
    await open_live_session(server.services, shown(browser.token, used))
    elsewhere = shown(browser.token, used, OTHER)
    assert await cause_of(open_live_session(server.services, elsewhere)) == "proof_replayed"
    resent = proof(browser, REAUTHENTICATE)
    current = await open_live_session(server.services, shown(browser.token, proof(browser)))
    await reauthenticate_live_session(server.services, shown(browser.token, resent), current)
    told = await cause_of(
        reauthenticate_live_session(server.services, shown(browser.token, resent, OTHER), current)
    )
    assert told == "proof_replayed"


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"iat": NOW - 301}, "proof_time"),
        ({"mth": REAUTHENTICATE}, "proof_target"),
        ({"header": {"typ": "JWT"}}, "proof_type"),
    ],
)
async def test_proof_has_to_stand_every_check_where_it_is_needed(
    server: Server, changes: dict[str, Any], cause: str
) -> None:
    browser = await a_browser(server)
    spoiled = shown(browser.token, proof(browser, **changes))
    assert await cause_of(open_live_session(server.services, spoiled)) == cause


@pytest.mark.parametrize(
    ("changes", "cause"),
    [({"iat": 0}, None), ({"mth": "x"}, None), ({"header": {"crit": []}}, "proof_type")],
)
async def test_proof_that_is_not_needed_has_to_be_one(
    server: Server, changes: dict[str, Any], cause: str | None
) -> None:
    pair = await server.sign_in()
    given = shown(pair["token"], STRANGER.rpc_proof(CONNECT, **changes))
    if cause is None:
        assert (await open_live_session(server.services, given)).jkt is None
    else:
        assert await cause_of(open_live_session(server.services, given)) == cause


async def test_sat_that_names_a_key_which_its_session_does_not_know_opens_nothing(
    server: Server,
) -> None:
    """Only after a restore of an older backup."""
    browser = await a_browser(server, bound=False)
    device = said(await browser.activate(), 201)["token"]
    await server.settled()
    with closing(sqlite3.connect(server.database)) as db, db:
        db.execute("UPDATE sessions SET jkt = NULL")
    given = shown(device, proof(browser))
    assert await cause_of(open_live_session(server.services, given)) == "ahead_of_head"
    assert (await server.row_of_session(server.claims(device).sid))["jkt"] is None


def state_of(server: Server, token: str, **changes: object) -> str:
    """A sealed state of that token's session."""
    claims = server.claims(token)
    state = ResumeState(claims.prj, claims.sub, claims.sid, "x_1_2", True, NOW + 9000)
    return server.services.state_cipher.seal(msgspec.structs.replace(state, **changes))


async def test_resume_is_for_the_same_session_under_the_same_name(server: Server) -> None:
    pair, other = await server.sign_in(), await server.sign_in()
    state = state_of(server, pair["token"])
    admission, former = await resume_live_session(
        server.services, shown(pair["token"]), state, "x_1_2"
    )
    assert admission == await open_live_session(server.services, shown(pair["token"]))
    assert (former.protocol, former.online) == ("x_1_2", True)
    for token, sealed, protocol, cause in (
        (pair["token"], state, "x_1_3", "state_of_another_protocol"),
        (pair["token"], state, "é", "state_of_another_protocol"),
        (pair["token"], state, None, "state_of_another_protocol"),
        (other["token"], state, "x_1_2", "state_of_another_session"),
        (pair["token"], "x", "x_1_2", "state_cannot_open"),
        (pair["token"], pair["token"], "x_1_2", "state_cannot_open"),
        ("x", state, "x_1_2", "cannot_open"),
    ):
        told = await cause_of(resume_live_session(server.services, shown(token), sealed, protocol))
        assert told == cause


@pytest.mark.parametrize("part", ["project", "subscriber", "session"])
async def test_state_of_anybody_else_is_refused(server: Server, part: str) -> None:
    pair = await server.sign_in()
    foreign = state_of(server, pair["token"], **{part: UUID(int=7)})
    told = await cause_of(
        resume_live_session(server.services, shown(pair["token"]), foreign, "x_1_2")
    )
    assert told == "state_of_another_session"


@pytest.mark.parametrize(("second", "good"), [(-1, True), (0, False), (1, False)])
async def test_state_resumes_nothing_from_its_last_second_on(
    server: Server, second: int, *, good: bool
) -> None:
    pair = await server.sign_in()
    state = state_of(server, pair["token"], expires_at=NOW + 600)
    server.clock.at = NOW + 600 + second
    resuming = resume_live_session(server.services, shown(pair["token"]), state, "x_1_2")
    if good:
        assert (await resuming)[1].protocol == "x_1_2"
    else:
        assert await cause_of(resuming) == "state_expired"


async def test_state_survives_a_rotation_of_the_keyring(server: Server) -> None:
    pair = await server.sign_in()
    state = state_of(server, pair["token"])
    ring = server.services.cipher.keyring.rotate(server.services.entropy, NOW)
    server.services.cipher.reload(ring)
    await resume_live_session(server.services, shown(pair["token"]), state, "x_1_2")
    newer = state_of(server, pair["token"])
    assert newer.startswith(f"{ring.active.id}.")


async def test_reauthentication_never_loosens_a_bond(server: Server) -> None:
    browser = await a_browser(server)
    current = await open_live_session(server.services, shown(browser.token, proof(browser)))
    unbound = await server.sign_in("alice")
    resent = proof(browser, REAUTHENTICATE)
    for given in (shown(browser.token), shown(unbound["token"]), shown(unbound["token"], resent)):
        told = await cause_of(reauthenticate_live_session(server.services, given, current))
        assert told == "downgrade"
    good = await reauthenticate_live_session(server.services, shown(browser.token, resent), current)
    assert good.jkt == browser.signer.jkt
    events = await server.events()
    assert events.count(EventKind.DOWNGRADE_REFUSED) == 3


async def test_reauthentication_tightens_a_bond(server: Server) -> None:
    """Connect, exchange, re-authenticate: from then on it is bound."""
    browser = await a_browser(server, bound=False)
    current = await open_live_session(server.services, shown(browser.token))
    assert current.jkt is None
    device = said(await browser.activate(), 201)["token"]
    told = await cause_of(reauthenticate_live_session(server.services, shown(device), current))
    assert told == "proof_missing"
    given = shown(device, proof(browser, REAUTHENTICATE))
    assert (
        await reauthenticate_live_session(server.services, given, current)
    ).jkt == browser.signer.jkt


async def test_reauthentication_is_for_the_same_subscriber(server: Server) -> None:
    alice, bob = await server.sign_in("alice"), await server.sign_in("bob")
    current = await open_live_session(server.services, shown(alice["token"]))
    told = await cause_of(
        reauthenticate_live_session(server.services, shown(bob["token"]), current)
    )
    assert told == "another_subscriber"


async def test_failures_are_written_down_so_often_and_refused_always(tmp_path: Path) -> None:
    async with a_service(tmp_path, failures_per_minute=2) as server:
        browser = await a_browser(server)
        current = await open_live_session(server.services, shown(browser.token, proof(browser)))
        for _ in range(4):
            reauthenticating = reauthenticate_live_session(
                server.services, shown(browser.token), current
            )
            assert await cause_of(reauthenticating) == "downgrade"
        stranger = shown(browser.token, STRANGER.rpc_proof(CONNECT))
        assert await cause_of(open_live_session(server.services, stranger)) == "key_mismatch"
        events = await server.events()
    assert events[1:] == [EventKind.ISSUED, *[EventKind.DOWNGRADE_REFUSED] * 2]


async def test_use_is_noted_only_where_the_key_was_proven(server: Server) -> None:
    browser = await a_browser(server)
    session = server.claims(browser.token).sid
    await cause_of(open_live_session(server.services, shown(browser.token)))
    assert (await server.row_of_session(session))["seen_generation"] == -1
    await open_live_session(server.services, shown(browser.token, proof(browser)))
    assert (await server.row_of_session(session))["seen_generation"] == 0


async def test_session_stands_until_it_is_ended_at_any_level(server: Server) -> None:
    services, project = server.services, server.tenant.id
    first = await open_live_session(services, shown((await server.sign_in())["token"]))
    unknown = msgspec.structs.replace(first, session=UUID(int=9))
    assert not await is_session_active(services.store, unknown)
    for level in ("session", "subscriber", "deleted", "project"):
        pair = await server.sign_in(level)
        admission = await open_live_session(services, shown(pair["token"]))
        assert await is_session_active(services.store, admission)
        subscriber = admission.subscriber
        if level == "session":
            await revoke_session(services, project, admission.session, ORIGIN)
        elif level == "subscriber":
            await revoke_subscriber(services, project, subscriber, ORIGIN)
        elif level == "deleted":
            await delete_subscriber(services, project, subscriber, ORIGIN)
        else:
            await revoke_project(services, project, ORIGIN)
        assert not await is_session_active(services.store, admission)


async def test_who_is_announced_is_online_for_a_lease_or_until_it_leaves(server: Server) -> None:
    services, pair = server.services, await server.sign_in()
    who = await open_live_session(services, shown(pair["token"]))
    await set_online(services, [(ONE, who, NOW - 5), (OTHER, who, NOW)])
    leases = [
        Presence(who.project, connection, who.subscriber, who.session, since, NOW + LEASE_SECONDS)
        for connection, since in ((ONE, NOW - 5), (OTHER, NOW))
    ]
    assert list(await list_presence(services, who.project, who.subscriber)) == leases
    await set_offline(services.store, who.project, [ONE])
    assert list(await list_presence(services, who.project, who.subscriber)) == leases[1:]
    server.clock.advance(LEASE_SECONDS)
    assert not await list_presence(services, who.project, who.subscriber)
    with pytest.raises(NotFound):
        await list_presence(services, who.project, UUID(int=9))


def test_credentials_do_not_show_themselves() -> None:
    text = repr(shown("a-token", "a-proof"))
    assert "a-token" not in text
    assert "a-proof" not in text


async def test_audit_trail_cannot_be_flooded_from_many_addresses_of_one_network(
    server: Server,
) -> None:
    browser = await a_browser(server)
    for number in range(80):
        origin = msgspec.structs.replace(ORIGIN, address=f"2001:db8::{number:x}")
        theft = Credentials(browser.token, STRANGER.rpc_proof(CONNECT), ONE, origin)
        assert await cause_of(open_live_session(server.services, theft)) == "key_mismatch"
    assert (await server.events()).count(EventKind.KEY_MISMATCH) == 60
