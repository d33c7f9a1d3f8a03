"""What a store raises ends a session only where the store says so, and a sign-in is told at once
what a person must mend."""

from __future__ import annotations

import contextlib
import sqlite3
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from kit.clients import async_client_of
from kit.service import FakeTokenService
from kit.sessions import happened, kinds, session_of
from satmint_sdk.credentials import (
    CredentialSession,
    Failed,
    FileRefreshTokenStore,
    RefreshTokenStore,
    StoreError,
    StoreUnavailable,
    SubscriberCredentialProvider,
    TokenRecord,
)
from satmint_sdk.credentials.refresh._local_faults import is_local_fault
from satmint_sdk.rest import SignalWireRestTransportError
from satmint_sdk.testing import FakeClock


class RedisConnectionError(Exception):
    """As in redis-py: an error of the network that is no `OSError`."""


class FragileStore:
    """A store of somebody's own, on a database that fails now and then."""

    def __init__(self) -> None:
        self.record: TokenRecord | None = None
        self.failures: dict[str, list[Exception]] = {}

    def _fail(self, operation: str) -> None:
        if self.failures.get(operation):
            raise self.failures[operation].pop()

    @contextlib.asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        self._fail("lock")
        yield
        self._fail("unlock")

    async def load(self) -> TokenRecord | None:
        self._fail("load")
        return self.record

    async def save(self, record: TokenRecord | None) -> None:
        self._fail("save")
        self.record = record


def session_on(service: FakeTokenService, store: RefreshTokenStore) -> CredentialSession:
    client = async_client_of(service)
    provider = SubscriberCredentialProvider(
        client, reference="alice", store=store, clock=service.clock
    )
    return session_of(service, provider)


FAULTS = [sqlite3.OperationalError("database is locked"), RedisConnectionError("reset by peer")]


@pytest.mark.parametrize("operation", ["lock", "load", "save"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_a_passing_fault_of_any_kind_is_tried_again(
    operation: str, fault: Exception, service: FakeTokenService, clock: FakeClock
) -> None:
    store = FragileStore()
    async with session_on(service, store) as session:
        store.failures[operation] = [fault] * 3
        await clock.advance(6000)
        assert service.accepts(await session.token())
        assert kinds(session) == ["warning:attempt_failed"] * 3 + ["refreshed"]
        assert session.stats.attempts == {"store_unavailable": 3, "refreshed": 1}
        assert "the refresh token store failed: " in str(happened(session)[0])
    assert service.count("reuse") == 0


async def test_a_lock_that_is_not_released_costs_nothing(
    service: FakeTokenService, clock: FakeClock
) -> None:
    store = FragileStore()
    async with session_on(service, store) as session:
        store.failures["unlock"] = [RedisConnectionError("gone")]
        await clock.advance(6000)
        assert service.accepts(await session.token())
        assert kinds(session) == ["refreshed"]
        assert service.count("rotated") == 1


async def test_what_the_store_calls_definitive_ends_refreshing(
    service: FakeTokenService, clock: FakeClock
) -> None:
    store = FragileStore()
    async with session_on(service, store) as session:
        store.failures["load"] = [StoreError("not a record")]
        await clock.advance(6000)
        (failed,) = happened(session)
        assert isinstance(failed, Failed)


async def test_errors_of_requests_under_the_lock_are_not_those_of_the_store(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_on(service, FragileStore()) as session:
        service.refuse(503, 2)
        await clock.advance(6000)
        assert session.stats.attempts == {"http_503": 2, "refreshed": 1}


async def test_a_provider_alone_raises_what_the_store_raised_as_its_cause(
    service: FakeTokenService,
) -> None:
    store = FragileStore()
    store.failures["lock"] = [FAULTS[0]]
    provider = SubscriberCredentialProvider(async_client_of(service), reference="a", store=store)
    with pytest.raises(StoreUnavailable) as raised:
        await provider.authenticate()
    assert raised.value.__cause__ is FAULTS[0]


# Faults of this machine.


async def test_a_sign_in_says_at_once_that_there_is_no_directory(
    service: FakeTokenService, clock: FakeClock, tmp_path: Path
) -> None:
    store = FileRefreshTokenStore(tmp_path / "missing" / "store", clock=clock)
    with pytest.raises(FileNotFoundError):
        await session_on(service, store).open()  # the clock stands: a retry would hang
    assert service.requests == []


async def test_a_sign_in_says_at_once_that_a_file_is_open_to_others(
    service: FakeTokenService, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "store"
    path.write_text("{}")
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        await session_on(service, FileRefreshTokenStore(path, clock=clock)).open()


async def test_a_sign_in_says_at_once_that_a_ca_is_unknown(clock: FakeClock) -> None:
    class Untrusted(FakeTokenService):
        def answer(self, request: httpx.Request) -> httpx.Response:
            super().answer(request)
            try:
                raise ssl.SSLCertVerificationError(1, "self-signed certificate")
            except ssl.SSLError as error:
                raise httpx.ConnectError("verify failed") from error

    untrusted = Untrusted(clock)
    with pytest.raises(SignalWireRestTransportError):
        await session_of(untrusted).open()
    assert len(untrusted.requests) == 1


async def test_a_refresh_waits_for_the_person_who_mends_it(
    service: FakeTokenService, clock: FakeClock
) -> None:
    store = FragileStore()
    async with session_on(service, store) as session:
        store.failures["load"] = [PermissionError("chmod 600 it")] * 20
        await clock.advance(7100)
        assert service.accepts(await session.token())
        assert session.stats.attempts == {"os_error": 20, "refreshed": 1}


@pytest.mark.parametrize(
    "error",
    [TimeoutError(), ConnectionRefusedError(), OSError(28, "no space"), ssl.SSLError(1, "eof")],
)
def test_what_may_pass_is_no_local_fault(error: Exception) -> None:
    assert not is_local_fault(error)
