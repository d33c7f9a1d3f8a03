"""`satmint_sdk.testing` as a program's own tests use it."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from satmint_sdk.credentials import CredentialSession, SubscriberCredentialProvider
from satmint_sdk.rest import (
    RequestOptions,
    RestClient,
    SignalWireRestError,
    SignalWireRestTransportError,
)
from satmint_sdk.testing import FakeClock, FakeEntropy, FakeTokenService, make_token


async def test_three_hours_of_a_session_in_milliseconds() -> None:
    clock = FakeClock()
    service = FakeTokenService(clock)
    client = service.async_client()
    provider = SubscriberCredentialProvider(client, reference="alice", clock=clock)
    async with CredentialSession(provider, clock=clock, transport=service) as session:
        first = await session.token()
        service.lose_answer()
        await clock.advance(3 * 3600)
        fresh = await session.token()
    assert (service.accepts(first), service.accepts(fresh)) == (False, True)
    # The answer that was lost is replayed, and is as old as the attempt: it is refreshed again.
    assert (service.count("created"), service.count("replayed"), service.count("reuse")) == (
        1,
        1,
        0,
    )


def test_each_fault_is_what_it_is_called_and_ends() -> None:
    service = FakeTokenService()
    with service.client() as client:
        create = client.fabric.tokens.create_subscriber_token
        service.let_pass()
        service.refuse(500)
        assert create(reference="alice")["token"]
        with pytest.raises(SignalWireRestError) as refused:
            create(reference="alice")
        service.disconnect()
        with pytest.raises(SignalWireRestTransportError):
            create(reference="alice")
        service.truncate_answer()
        with pytest.raises(SignalWireRestError, match="was answered 200"):
            create(reference="alice")
        service.lose_answer(2)
        with pytest.raises(SignalWireRestTransportError):
            create(reference="alice")
        service.end_faults()
        token = create(reference="alice")["token"]
    assert refused.value.status_code == 500
    assert service.accepts(token)
    service.revoke_sessions()
    assert not service.accepts(token)
    assert service.count("created") == 4  # not the two that did not arrive or were refused
    assert service.requests == [("POST", "/api/fabric/subscribers/tokens")] * 6


def test_a_creation_is_repeated_with_its_idempotency_key() -> None:
    service = FakeTokenService(clock := FakeClock())
    keyed = RequestOptions(idempotency_key="job-17")
    with service.client() as client:
        create = client.fabric.tokens.create_subscriber_token
        service.lose_answer()
        with pytest.raises(SignalWireRestTransportError):
            create(reference="alice", request_options=keyed)
        pair = create(reference="alice", request_options=keyed)
        assert service.history == [("created", 0), ("replayed", 0)]
        with pytest.raises(SignalWireRestError) as refused:
            create(reference="bob", request_options=keyed)
        assert refused.value.code == "idempotency_key_reused"
        assert service.accepts(pair["token"])
        assert create(reference="alice", request_options=keyed)["token"] != pair["token"]
        clock.sleep(11)
        with pytest.raises(SignalWireRestError) as refused:
            create(reference="alice", request_options=keyed)
        assert refused.value.code == "idempotency_result_unavailable"
    assert service.count("created") == 1


def test_a_fake_service_on_a_port_is_a_server() -> None:
    service = FakeTokenService()
    with service.serve() as host, RestClient(service.project, service.api_token, host) as client:
        token = client.fabric.tokens.create_embed_token(token=service.c2c_token)["token"]
        url = f"http://{host}/api/fabric/subscriber/info"
        answer = httpx.get(url, headers={"authorization": f"Bearer {token}"})
    assert answer.json()["sat_claims"]["scope"] == []


def test_sleepers_wake_in_order_each_at_its_own_moment() -> None:
    clock = FakeClock(wall=1000.0)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.asleep(seconds)
        woken.append((name, clock.now().wall))

    async def run() -> None:
        tasks = [
            asyncio.ensure_future(sleeper(*one)) for one in (("b", 9.0), ("a", 5.0), ("c", 60))
        ]
        await clock.advance(10)
        tasks[-1].cancel()

    asyncio.run(run())
    assert woken == [("a", 1005.0), ("b", 1009.0)]
    assert clock.now().wall == 1010.0


def test_the_clocks_part_when_a_machine_sleeps() -> None:
    clock = FakeClock(wall=1000.0, mono=1.0)
    clock.suspend(3600)
    clock.set_wall(-600)
    clock.sleep(5)
    assert (clock.now().wall, clock.now().mono) == (4005.0, 6.0)


def test_entropy_is_reproducible() -> None:
    drawn = [FakeEntropy().take(8) for _ in range(2)]
    one = FakeEntropy()
    assert drawn[0] == drawn[1] == one.take(8) != one.take(8)
    assert FakeEntropy(7).take(2) == b"\x07\x07"


def test_tokens_are_never_the_same() -> None:
    assert len({make_token() for _ in range(10)}) == 10
