"""Between the client and the real server lies a network that does its worst."""

from __future__ import annotations

import random  # noqa: TID251 - chooses faults, in the same order every time
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest

from kit.faulty_proxy import NetworkFault, Road, between
from kit.server import Live, running
from kit.sessions import kinds
from kit.time_lapse import Watched
from satmint_sdk.credentials import Credential, CredentialSession, SubscriberCredentialProvider
from satmint_sdk.credentials.refresh._retry_decision import Retry, decide_retry
from satmint_sdk.rest import (
    AsyncRestClient,
    RequestOptions,
    RestClient,
    SignalWireRestError,
    SignalWireRestTransportError,
)
from satmint_sdk.testing import FakeClock, FakeEntropy

HASTY = RequestOptions(timeout=0.6, total_timeout=600, retry_backoff=0.0)
PATIENT = RequestOptions(timeout=60, total_timeout=600, retry_backoff=0.0)
FAULTS = [fault for fault in NetworkFault if fault is not NetworkFault.NONE]
WAITING = frozenset({NetworkFault.TOO_SLOW, NetworkFault.LATE})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server whose audit trail tells of these tests alone. Nobody was ever taken for a thief."""
    with running(tmp_path_factory.mktemp("roads")) as live:
        yield live
        assert live.trail()["reuse_detected"] == 0


@pytest.fixture
def road(server: Live) -> Iterator[Road]:
    with between(server.host) as road:
        yield road


def client_on(
    road: Road, server: Live, options: RequestOptions = HASTY, clock: FakeClock | None = None
) -> RestClient:
    account = (server.project_id, server.api_token, road.host)
    return RestClient(*account, options, clock=clock or FakeClock())


def async_client_on(road: Road, server: Live) -> AsyncRestClient:
    return AsyncRestClient(server.project_id, server.api_token, road.host, HASTY, clock=FakeClock())


def weather(seed: int) -> list[NetworkFault]:
    """A long day: two requests in three meet some fault, those that take real time seldom."""
    dice = random.Random(seed)  # noqa: S311 - see the import
    weights = [1 if fault in WAITING else 6 for fault in FAULTS]
    calm = [NetworkFault.NONE] * (len(FAULTS) // 2)
    return dice.choices([*FAULTS, *calm], [*weights, *([6] * len(calm))], k=2000)


async def insisted(attempt: Callable[[], Awaitable[Credential]]) -> Credential:
    """Sign in or refresh, and again as long as a session would."""
    while True:
        try:
            return await attempt()
        except Exception as error:
            if not isinstance(decide_retry(error, 0.0), Retry):
                raise


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
async def test_a_session_survives(fault: NetworkFault, road: Road, server: Live) -> None:
    """The fault comes once, then twice in a row; each refresh ends in a token that is good."""
    async with async_client_on(road, server) as client:
        provider = SubscriberCredentialProvider(client, reference=fault.name)
        tokens = [(await insisted(provider.authenticate)).token]
        for count in (1, 0, 2, 0):
            road.next(*[fault] * count)
            tokens.append((await insisted(provider.refresh)).token)
            assert server.accepts(tokens[-1])
        assert len(set(tokens)) == 5
        assert road.met[fault] == 3


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
def test_a_refresh_is_repeated_by_the_client_itself(
    fault: NetworkFault, road: Road, server: Live
) -> None:
    with client_on(road, server, HASTY if fault in WAITING else PATIENT) as client:
        tokens = client.fabric.tokens
        pair = tokens.create_subscriber_token(
            reference=f"{fault.name}-plain", request_options=PATIENT
        )
        for count in (2, 0):
            road.next(*[fault] * count)
            fresh = tokens.refresh_subscriber_token(refresh_token=pair["refresh_token"])
            assert server.accepts(fresh["token"])
            assert fresh["refresh_token"] != pair["refresh_token"]
            pair["refresh_token"] = fresh["refresh_token"]


async def test_a_token_for_one_is_not_handed_to_another(road: Road, server: Live) -> None:
    """The second copy of an answer must not be taken for the answer to the next request."""
    with client_on(road, server) as client:
        road.next(NetworkFault.ANSWERED_TWICE)
        client.fabric.tokens.create_subscriber_token(reference="ada")
        with pytest.raises(SignalWireRestTransportError) as stray:
            client.fabric.tokens.create_subscriber_token(reference="mallory")
        assert str(stray.value) == (
            f"POST http://{road.host}/api/fabric/subscribers/tokens got no answer: "
            "ConnectionError: an answer to another request came, "
            "perhaps a copy of one that was had before"
        )
        after = client.fabric.tokens.create_subscriber_token(reference="grace")
    async with async_client_on(road, server) as other:
        road.next(NetworkFault.ANSWERED_TWICE)
        await other.fabric.tokens.create_subscriber_token(reference="ada")
        with pytest.raises(SignalWireRestTransportError):
            await other.fabric.tokens.create_subscriber_token(reference="mallory")
        again = await other.fabric.tokens.create_subscriber_token(reference="grace")
    assert after["subscriber_id"] == again["subscriber_id"]


@pytest.mark.parametrize("seed", range(3))
async def test_a_session_survives_days_of_network_faults(
    seed: int, road: Road, server: Live
) -> None:
    """The schedule of the session meets it, on a driven clock: see `test_server_crashes` for it.

    An outage of the road lasts at most a few attempts, which is minutes by the session's clock.
    """
    clock = FakeClock()
    coming = iter(weather(seed))
    name = f"traveller-{seed}"
    async with async_client_on(road, server) as client:
        provider = Watched(SubscriberCredentialProvider(client, reference=name, clock=clock), clock)
        async with CredentialSession(provider, entropy=FakeEntropy(), clock=clock) as session:
            road.always(lambda: next(coming))
            while len(provider.handed_out) <= 40:
                await clock.advance(1000)
                assert server.accepts(await provider.ask(session, clock))
            assert len(provider.failures) > 20
            assert set(kinds(session)[1:]) == {"refreshed", "warning:attempt_failed"}
    assert len(road.met) >= len(NetworkFault) - 2
    assert len({credential.token for credential in provider.handed_out}) == 41


def test_a_backends_threads_survive_hours_of_network_faults(road: Road, server: Live) -> None:
    """Eight users, refreshed by eight threads on one client, with no session to help them."""
    coming, lock = iter(weather(7)), threading.Lock()

    def next_fault() -> NetworkFault:
        with lock:
            return next(coming)

    ends: list[str] = []

    def live(client: RestClient, name: str) -> None:
        tokens = client.fabric.tokens
        made = tokens.create_subscriber_token(reference=name, request_options=PATIENT)
        kept = made["refresh_token"]
        at_the_start.wait()
        last = ""
        for _ in range(15):
            before = kept
            while kept == before:
                try:
                    fresh = tokens.refresh_subscriber_token(refresh_token=kept)
                except SignalWireRestError as error:
                    if error.status_code not in (None, 201, 429, 500, 503):
                        raise
                else:
                    kept, last = fresh["refresh_token"], fresh["token"]
        ends.append(last)

    with client_on(road, server) as client:
        # With a timeout, or a sign-in that fails would leave the others waiting for ever.
        at_the_start = threading.Barrier(8, lambda: road.always(next_fault), timeout=60)
        crowd = [threading.Thread(target=live, args=(client, f"user-{n}")) for n in range(8)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
    assert len(ends) == 8
    assert all(server.accepts(token) for token in ends)
