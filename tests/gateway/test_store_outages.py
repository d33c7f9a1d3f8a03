"""A store that is down: who is in stays in, and who was revoked meanwhile goes once it is back."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from satmint.flows.live import is_session_active
from satmint.flows.revoke import revoke_session
from satmint.gateway import gateway as shell
from satmint.gateway.revocation_watcher import POLL_SECONDS
from satmint.model.events import Event
from satmint.model.live import Admission
from satmint.model.refusals import StoreUnavailable
from satmint.store.contract import Store
from tests.faults.failing_store import FailNth, FailurePoint
from tests.kit.devices import a_browser
from tests.kit.gateway import Serving, Ticker, a_gateway
from tests.kit.service import ORIGIN, Server

REFUSED: Final = (-32002, "Authentication failed")


class Broken:
    """A store that answers nothing, as far as it is broken."""

    def __init__(self, real: Store, rooms: frozenset[str]) -> None:
        self._real = real
        self._rooms = rooms

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real one has
        real = getattr(self._real, name)
        return _NoAnswer(real) if name in self._rooms else real


class _NoAnswer:
    def __init__(self, real: object) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def fail(*_args: object, **_named: object) -> None:
            raise StoreUnavailable("planted")

        return fail


@contextmanager
def broken(server: Server, *rooms: str) -> Iterator[None]:
    """Within, the store of `server` is down."""
    good = server.services.store
    server.services.store = cast("Store", Broken(good, frozenset(rooms or ("sessions", "events"))))
    try:
        yield
    finally:
        server.services.store = good


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a moment, not after seconds."""
    monkeypatch.setattr(shell, "AUTHENTICATE_SECONDS", 0.2)
    monkeypatch.setattr(shell, "_RETRY_SECONDS", 0.02)


async def status_of_an_upgrade(gateway: Serving) -> int:
    try:
        async with gateway.client():
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


async def test_live_sessions_stay_and_new_ones_are_told_to_come_back(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        with broken(server), capture_logs() as lines:
            for _ in range(5):
                await gateway.gateway.revocations.poll()
            gateway.gateway.sweep()
            assert await client.lives()
            assert await status_of_an_upgrade(gateway) == 503
        assert [line["event"] for line in lines] == ["store_down"], "and not with every look"
        await gateway.gateway.revocations.poll()
        assert await client.lives()
        assert await status_of_an_upgrade(gateway) == 101


async def test_one_look_that_fails_keeps_nobody_out(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        for _ in range(2):
            with broken(server):
                await gateway.gateway.revocations.poll()
            assert await status_of_an_upgrade(gateway) == 101
            await gateway.gateway.revocations.poll()


async def test_revoked_while_the_store_was_down_ends_when_it_is_back(server: Server) -> None:
    """However long that was: the next good look goes back to where the last one was."""
    pair = await server.sign_in(expire_at=server.clock.now() + 90_000)
    session = server.claims(pair["token"]).sid
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        await gateway.gateway.revocations.poll()
        good = server.services.store
        with broken(server):
            await gateway.gateway.revocations.poll()
            broken_store, server.services.store = server.services.store, good
            server.clock.advance(30)
            await revoke_session(server.services, server.tenant.id, session, ORIGIN)
            server.services.store = broken_store
            server.clock.advance(3600)
            await gateway.gateway.revocations.poll()
            assert await client.lives()
        await gateway.gateway.revocations.poll()
        assert await client.close_code() == 4403


@pytest.mark.parametrize("step", [-86_400, -3600, -40, 40, 3600])
async def test_revocation_is_heard_of_at_once_whatever_the_clocks_say(
    server: Server, step: int
) -> None:
    """Its event bears another node's time, or the one at which it was asked for, long ago."""
    pair = await server.sign_in(expire_at=server.clock.now() + 90_000)
    session = server.claims(pair["token"]).sid
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        await gateway.gateway.revocations.poll()
        server.clock.advance(step)
        await revoke_session(server.services, server.tenant.id, session, ORIGIN)
        server.clock.advance(-step)
        assert await client.lives()
        await gateway.gateway.revocations.poll()
        assert await client.close_code() == 4403


async def test_revocation_between_the_first_admission_and_the_first_poll_is_heard_of(
    server: Server,
) -> None:
    pair = await server.sign_in()
    session = server.claims(pair["token"]).sid
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await gateway.gateway.revocations.poll()
        await client.connected(pair["token"])
        await revoke_session(server.services, server.tenant.id, session, ORIGIN)
        await gateway.gateway.revocations.poll()
        assert await client.close_code() == 4403


async def test_project_that_was_revoked_is_judged_once_and_not_with_every_look(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.client.delete("/api/satmint/sessions", auth=server.tenant.auth)
    server.clock.advance(20)
    judged: list[object] = []

    async def counted(store: Store, admission: Admission) -> bool:
        judged.append(admission)
        return await is_session_active(store, admission)

    pair, monotonic = await server.sign_in(), Ticker()
    async with (
        a_gateway(server, monotonic=monotonic, running=False) as gateway,
        gateway.client() as client,
    ):
        await client.connected(pair["token"])
        monkeypatch.setattr("satmint.gateway.revocation_watcher.is_session_active", counted)
        for _ in range(20):
            monotonic.at += POLL_SECONDS
            await gateway.gateway.revocations.poll()
        assert len(judged) == 1
        assert await client.lives()


async def test_session_that_could_not_be_judged_stays_doubtful(server: Server) -> None:
    """The news came through, and then the store was gone: the news is not forgotten."""
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        await gateway.revoke("sessions")
        with broken(server, "sessions"):
            await gateway.gateway.revocations.poll()
        assert await client.lives()
        server.clock.advance(3600)
        await gateway.gateway.revocations.poll()
        assert await client.close_code() == 4403


async def test_connect_is_answered_though_the_store_is_down(server: Server) -> None:
    """Without an answer the SDK falls silent for good; and a resume must begin anew."""
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway:
        async with gateway.client() as client:
            await client.connected(pair["token"])
            resuming = client.resuming
        async with gateway.client() as fresh, gateway.client() as resumed:
            with broken(server):
                told = await fresh.not_connected(pair["token"])
                assert told == (-32603, "Service unavailable")
                told = await resumed.not_connected(pair["token"], **resuming)
                assert told == (-32003, "Requester validation failed")
                assert await status_of_an_upgrade(gateway) == 503
            await gateway.gateway.revocations.poll()
            await fresh.connected(pair["token"])


async def test_store_that_is_back_in_a_moment_is_waited_for(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        good = server.services.store
        server.services.store = FailNth(good, nth=1).store
        await client.connected(pair["token"])
        server.services.store = good


@pytest.mark.parametrize("moment", FailurePoint)
@pytest.mark.parametrize("nth", [1, 2])
async def test_bound_connect_stands_any_one_failure_of_the_store(
    server: Server, nth: int, moment: FailurePoint
) -> None:
    """Also one after its proof was used up, which is the same request then."""
    browser = await a_browser(server)
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        good = server.services.store
        failing = FailNth(good, nth, moment)
        server.services.store = failing.store
        proof = browser.signer.rpc_proof("signalwire.connect")
        await client.connected(browser.token, dpop_token=proof)
        server.services.store = good
    assert failing.calls.count("sessions.get") == 2
    assert failing.calls.count("sessions.prove") == nth


async def test_reauthentication_that_cannot_be_judged_leaves_the_session(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        with broken(server):
            told = await client.not_reauthenticated(pair["token"])
            assert told == (-32603, "Service unavailable")
        await client.reauthenticated(pair["token"])


async def test_bug_ends_nothing_and_tells_nothing(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server, running=False) as gateway, gateway.client() as client:
        good = server.services.store
        server.services.store = FailNth(good, 1, error=lambda: ZeroDivisionError("private")).store
        with capture_logs() as lines:
            told = await client.not_connected(pair["token"])
        server.services.store = good
        assert told == (-32603, "Service unavailable")
        assert [line["event"] for line in lines] == ["failed", "refused"]
        await client.connected(pair["token"])


async def test_round_with_a_bug_is_not_the_last_one(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway, gateway.client() as client:
        await client.connected(pair["token"])
        feed, rounds = gateway.gateway.revocations._feed, 0
        poll = feed.poll

        async def once_not() -> Sequence[Event]:
            nonlocal rounds
            rounds += 1
            if rounds == 1:
                raise ZeroDivisionError
            return await poll()

        monkeypatch.setattr(feed, "poll", once_not)
        await gateway.revoke("sessions")
        assert await client.close_code() == 4403
        assert rounds >= 2


async def test_revocation_that_crosses_a_connect_is_not_missed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read as standing, revoked, and looked for all over, before it was known to live here."""
    bystander, pair = await server.sign_in(), await server.sign_in()
    session = server.claims(pair["token"]).sid
    async with (
        a_gateway(server, running=False) as gateway,
        gateway.client() as other,
        gateway.client() as client,
    ):
        await other.connected(bystander["token"])
        judged = gateway.gateway._authenticate

        async def slow(*args: Any) -> Any:  # noqa: ANN401
            verdict = await judged(*args)
            await revoke_session(server.services, server.tenant.id, session, ORIGIN)
            await gateway.gateway.revocations.poll()
            return verdict

        monkeypatch.setattr(gateway.gateway, "_authenticate", slow)
        monkeypatch.setattr(shell, "AUTHENTICATE_SECONDS", 10)
        await client.connected(pair["token"])
        await gateway.gateway.revocations.poll()
        assert await client.close_code() == 4403
        assert await other.lives()


async def test_session_is_judged_now_and_then_without_any_occasion(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, monotonic = await server.sign_in(), Ticker()
    session = server.claims(pair["token"]).sid
    async with (
        a_gateway(server, monotonic=monotonic, running=False) as gateway,
        gateway.client() as client,
    ):
        await client.connected(pair["token"])
        await gateway.gateway.revocations.poll()
        monkeypatch.setattr(gateway.gateway.revocations._feed, "poll", no_events)
        await revoke_session(server.services, server.tenant.id, session, ORIGIN)
        await gateway.gateway.revocations.poll()
        assert await client.lives()
        monotonic.at += 60
        await gateway.gateway.revocations.poll()
        assert await client.close_code() == 4403


async def no_events() -> Sequence[Event]:
    return ()


async def test_events_in_any_number_are_all_looked_at(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satmint.flows.event_feed._PAGE_SIZE", 3)
    monkeypatch.setattr("satmint.gateway.revocation_watcher._RECHECK_BATCH_SIZE", 2)
    pairs = [await server.sign_in(f"user-{number}") for number in range(8)]
    async with a_gateway(server, running=False) as gateway:
        opening = [gateway.client() for _ in pairs]
        clients = [await each.__aenter__() for each in opening]
        for client, pair in zip(clients, pairs, strict=True):
            await client.connected(pair["token"])
        await gateway.gateway.revocations.poll()
        for pair in pairs[:-1]:
            await gateway.revoke(f"sessions/{server.claims(pair['token']).sid}")
        await gateway.gateway.revocations.poll()
        codes = await asyncio.gather(*(client.close_code() for client in clients[:-1]))
        assert set(codes) == {4403}
        assert await clients[-1].lives()
        await asyncio.gather(*(each.__aexit__(None, None, None) for each in opening))


async def test_store_is_not_asked_while_nobody_is_here(server: Server) -> None:
    async with a_gateway(server, running=False) as gateway, gateway.client():
        watching = FailNth(server.services.store, nth=0)
        server.services.store, good = watching.store, server.services.store
        await gateway.gateway.revocations.poll()
        await gateway.gateway.presence.flush()
        assert watching.calls == []
        server.services.store = good
