"""What a session does when its credential is refused, its loop ends, or nobody refers to it."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import warnings
from typing import Any

import pytest

from kit.service import FakeTokenService
from kit.sessions import ScriptedProvider, credential_for, kinds, never, session_of
from satmint_sdk.credentials import (
    CredentialRefused,
    Expired,
    Refreshed,
    SessionClosed,
    StaticCredentialProvider,
)
from satmint_sdk.rest import SignalWireRestError
from satmint_sdk.testing import FakeClock, settle

# A refused credential.


async def test_a_refused_token_is_not_handed_out_again(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async with session_of(service, StaticCredentialProvider(credential_for(clock, 900))) as session:
        with pytest.raises(CredentialRefused):
            await session.renew(await session.token())
        for ask in (session.token, lambda: asyncio.to_thread(session.token_blocking)):
            with pytest.raises(CredentialRefused, match=r"^the credential was refused and not"):
                await ask()


async def test_a_refused_token_whose_refresh_fails_is_not_handed_out_again(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = ScriptedProvider(credential_for(clock, 900), LookupError("no"))
    async with session_of(service, provider) as session:
        with pytest.raises(CredentialRefused, match="LookupError: no"):
            await session.renew(await session.token())
        with pytest.raises(CredentialRefused, match="LookupError: no"):
            await session.token()


async def test_callers_wait_while_a_refused_token_is_replaced(
    service: FakeTokenService, clock: FakeClock
) -> None:
    provider = ScriptedProvider(credential_for(clock, 900), never)
    async with session_of(service, provider, max_wait=5.0) as session:
        renewing = asyncio.ensure_future(session.renew(await session.token()))
        await settle()
        asking = asyncio.ensure_future(session.token())
        await settle()
        assert not asking.done()
        await clock.advance(6)
        for waiting in (renewing, asking):
            with pytest.raises(CredentialRefused):
                await waiting
        provider.then = [credential_for(clock, 800)]
        await clock.advance(40)  # the attempt is given up, and the next one succeeds
        assert await session.token() == session.credential.token


async def test_a_new_sign_in_ends_the_refusal(service: FakeTokenService, clock: FakeClock) -> None:
    async with session_of(service) as session:
        service.revoke_sessions()
        renewing = asyncio.ensure_future(session.renew(await session.token()))
        await clock.advance(1)
        with pytest.raises(CredentialRefused):
            await renewing
        await session.login()
        assert service.accepts(await session.token())
        assert session.mechanism == "provider"


# Opening.


async def test_opening_may_be_tried_again_after_an_error(
    service: FakeTokenService, clock: FakeClock
) -> None:
    service.refuse(401, 2)
    session = session_of(service)
    events = session.events()
    for _ in range(2):
        with pytest.raises(SignalWireRestError):
            await session.open()
    await session.open()
    await clock.advance(6000)
    assert isinstance(await anext(events), Refreshed)
    await session.close()
    assert [event async for event in events] == []
    with pytest.raises(SessionClosed):
        await session.open()


# Events in other loops and threads.


async def test_events_arrive_in_another_loop(service: FakeTokenService, clock: FakeClock) -> None:
    found: list[str] = []

    async def read() -> None:
        async for event in session.events():
            found.append(event.kind)
            arrived.set()

    arrived = threading.Event()
    async with session_of(service) as session:
        reader = threading.Thread(target=lambda: asyncio.run(read()))
        reader.start()
        await clock.advance(6000)
        await asyncio.to_thread(arrived.wait, 60)
        assert found == ["refreshed"]
        await clock.advance(6000)
    await asyncio.to_thread(reader.join, 60)
    assert found == ["refreshed", "refreshed"]


async def test_events_may_be_read_in_a_thread_without_a_loop(
    service: FakeTokenService, clock: FakeClock
) -> None:
    found: list[Any] = []
    async with session_of(service, StaticCredentialProvider(credential_for(clock, 9))) as session:
        stream: Any = session.events()

        def read() -> None:
            while (event := stream.next_blocking()) is not None:
                found.append(event)

        reader = threading.Thread(target=read)
        reader.start()
        await clock.advance(10)
    await asyncio.to_thread(reader.join, 60)
    assert isinstance(found[-1], Expired)


# Nobody refers to it.


async def test_a_session_that_was_dropped_stops_refreshing_with_a_warning(
    service: FakeTokenService, clock: FakeClock
) -> None:
    session = session_of(service, name="the bot")
    events = session.events()
    await session.open()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        del session
        gc.collect()
    assert [str(one.message) for one in seen if one.category is ResourceWarning] == [
        "the bot was not closed: use `async with`, or close()"
    ]
    requests = len(service.requests)
    await clock.advance(20_000)
    assert len(service.requests) == requests
    assert [event async for event in events] == []


async def test_a_session_that_was_closed_is_dropped_in_silence(service: FakeTokenService) -> None:
    session = session_of(service)
    await session.open()
    await session.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del session
        gc.collect()


# The log.


async def test_what_needs_a_person_is_logged_with_the_name_of_the_session(
    service: FakeTokenService, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="satmint_sdk")
    async with session_of(service, name="billing bot") as session:
        service.refuse(503, 1)
        await clock.advance(6000)
        service.revoke_sessions()
        await clock.advance(6000)
        assert kinds(session)[-1] == "failed"
    ours = [record for record in caplog.records if record.name.startswith("satmint_sdk.")]
    assert {record.getMessage().partition(":")[0] for record in ours} == {"billing bot"}
    assert [record.levelno for record in ours] == [logging.INFO, logging.INFO, logging.ERROR]
    assert (
        ours[-1]
        .getMessage()
        .startswith("billing bot: refreshing has stopped: token_invalid: SignalWireRestError: ")
    )


async def test_a_program_without_logging_hears_only_what_needs_a_person(
    service: FakeTokenService, clock: FakeClock
) -> None:
    """Python prints WARNING and above where nobody has configured logging, and nothing else."""
    for name in ("satmint_sdk", "satmint_sdk.credentials", "satmint_sdk.credentials.live"):
        logger = logging.getLogger(name)
        assert (logger.handlers, logger.level, logger.propagate) == ([], logging.NOTSET, True)
    async with session_of(service) as first, session_of(service) as second:
        assert first.name != second.name
        await clock.advance(1)
