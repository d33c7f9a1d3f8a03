"""A session for threads: opened when it is first used, shared, closed, made anew after a fork."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from typing import Any

import pytest

from kit.clients import async_client_of
from kit.service import FakeTokenService
from kit.sessions import FixedProvider, ScriptedProvider, credential_for
from satmint_sdk.credentials import (
    BlockingCredentialSession,
    Credential,
    CredentialRefused,
    DPoPKey,
    SessionClosed,
    SubscriberCredentialProvider,
)
from satmint_sdk.testing import FakeClock


def blocking(service: FakeTokenService, provider: Any = None) -> BlockingCredentialSession:
    if provider is None:
        provider = SubscriberCredentialProvider(
            async_client_of(service), reference="alice", clock=service.clock
        )
    return BlockingCredentialSession(provider, clock=service.clock, transport=service)


def threads_of(session: BlockingCredentialSession) -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == f"satmint {session.name}"]


def test_it_opens_when_it_is_first_used_and_ends_its_thread(service: FakeTokenService) -> None:
    session = blocking(service)
    assert (service.requests, threads_of(session)) == ([], [])
    with session:
        assert service.accepts(session.token())
        assert (session.mechanism, session.credential.token) == ("provider", session.token())
        assert len(threads_of(session)) == 1
    assert threads_of(session) == []
    for use in (session.token, session.open, session.login):
        with pytest.raises(SessionClosed):
            use()
    session.close()


def test_threads_share_one_sign_in_and_one_replacement(service: FakeTokenService) -> None:
    with blocking(service) as session:
        first = session.token()
        found: list[str] = []
        crowd = [
            threading.Thread(target=lambda: found.append(session.renew(first))) for _ in range(8)
        ]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        assert (len(found), len(set(found))) == (8, 1)
        assert (service.count("created"), service.count("rotated")) == (1, 1)


def test_opening_may_be_tried_again_and_leaves_no_thread(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = FixedProvider(LookupError("no"))
    session = blocking(service, provider)
    with pytest.raises(LookupError):
        session.token()
    assert threads_of(session) == []
    provider.first = credential_for(clock, 100)
    assert session.token() == session.credential.token
    session.close()


def test_a_refused_token_that_cannot_be_replaced_is_an_error(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = ScriptedProvider(credential_for(clock, 900), LookupError("no"))
    with blocking(service, provider) as session:
        with pytest.raises(CredentialRefused):
            session.renew(session.token())
        events = session.events()
        assert next(events).kind == "failed"
        provider.first = credential_for(clock, 500)
        assert session.login() == session.credential
    assert list(events) == []


async def test_it_is_refused_in_an_event_loop_at_once(service: FakeTokenService) -> None:
    session = blocking(service)
    with pytest.raises(RuntimeError, match=r"asyncio\.to_thread"):
        session.token()
    assert service.accepts(await asyncio.to_thread(session.token))
    await asyncio.to_thread(session.close)


def test_dropping_it_ends_its_thread(service: FakeTokenService) -> None:
    session = blocking(service)
    session.open()
    (thread,) = threads_of(session)
    del session
    gc.collect()
    thread.join(60)
    assert not thread.is_alive()


def test_it_may_be_collected_in_its_own_thread(service: FakeTokenService) -> None:
    session = blocking(service)
    session.open()
    (thread,) = threads_of(session)
    worker = session._worker
    assert worker is not None
    worker._loop.call_soon_threadsafe(worker.stop)
    thread.join(60)
    assert not thread.is_alive()
    with pytest.raises(SessionClosed):
        session.login()


def test_dropping_it_needs_no_garbage_collection(service: FakeTokenService) -> None:
    session = blocking(service)
    dropped = weakref.ref(session)
    gc.disable()
    try:
        del session
        assert dropped() is None
    finally:
        gc.enable()


def test_closing_does_not_wait_for_a_sign_in(service: FakeTokenService) -> None:
    began = threading.Event()

    class Hanging:
        async def authenticate(self, _context: object = None) -> Credential:
            began.set()
            await asyncio.get_running_loop().create_future()
            raise AssertionError

    session = blocking(service, Hanging())
    outcomes: list[BaseException] = []

    def use() -> None:
        with pytest.raises(SessionClosed) as closed:
            session.token()
        outcomes.append(closed.value)

    users = [threading.Thread(target=use, daemon=True) for _ in range(3)]
    for user in users:
        user.start()
    assert began.wait(60)
    closing = threading.Thread(target=session.close, daemon=True)
    closing.start()
    for thread in (closing, *users):
        thread.join(60)
    assert (len(outcomes), threads_of(session)) == (3, [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_children_of_a_fork_sign_in_for_themselves(service: FakeTokenService) -> None:
    """As under gunicorn with preload: made and used before the fork."""
    key = DPoPKey.generate()
    provider = SubscriberCredentialProvider(
        async_client_of(service), reference="alice", clock=service.clock
    )
    session = BlockingCredentialSession(provider, key=key, clock=service.clock)
    with session:
        inherited = session.token()
        outcome, told = os.pipe()
        child = os.fork()
        if child == 0:  # the child of a test never returns
            try:
                own = session.token()
                session.close()
                os.write(told, b"same" if own == inherited else b"another")
            finally:
                os._exit(0)
        os.close(told)
        with os.fdopen(outcome, "rb") as answer:
            assert answer.read() == b"another"
        os.waitpid(child, 0)
        assert session.token() == inherited


def test_logging_out_revokes_or_says_that_it_could_not(service: FakeTokenService) -> None:
    session = blocking(service)
    assert service.accepts(session.token())
    assert session.logout() is False  # this service has no endpoint for it
    with pytest.raises(SessionClosed):
        session.token()
    assert "closed" in repr(session)
