"""Events of a session, and what its texts must not show."""

from __future__ import annotations

import asyncio

import pytest

from kit.service import FakeTokenService
from kit.sessions import (
    ScriptedProvider,
    credential_for,
    happened,
    session_of,
)
from satmint_sdk.credentials import (
    Credential,
)
from satmint_sdk.testing import FakeClock


async def test_events_are_told_from_the_beginning_to_every_reader(
    service: FakeTokenService, clock: FakeClock
) -> None:
    session = session_of(service)
    early = session.events()
    async with session:
        service.refuse(500, 1)
        await clock.advance(5800)
        late = session.events()
        first = [await anext(early), await anext(early)]
        assert first == [await anext(late), await anext(late)]
        waiting = asyncio.ensure_future(anext(early))
        await clock.advance(5800)
        assert (await waiting).kind == "refreshed"
    assert [event.kind async for event in late] == ["refreshed"]
    assert [event.kind async for event in early] == []


async def test_a_reader_that_does_not_keep_up_loses_the_oldest(
    service: FakeTokenService, clock: FakeClock
) -> None:
    async def fresh() -> Credential:
        return credential_for(clock, 10)

    provider = ScriptedProvider(credential_for(clock, 10), *[fresh] * 400)
    async with session_of(service, provider) as session:
        events = session.events()
        await clock.advance(300 * 8)
    assert len([event async for event in events]) == 256


async def test_nothing_that_is_printed_shows_a_token(
    service: FakeTokenService, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with session_of(service) as session:
        service.lose_answer()
        service.refuse(500, 1)
        await clock.advance(6000)
        shown = [repr(session), repr(session.stats), repr(session.credential), repr(session.key)]
        shown += [repr(event) + str(event) for event in happened(session)]
        shown += [repr(session._scheduler.state if session._scheduler else None), caplog.text]
        service.revoke_sessions()
        await clock.advance(6000)
        shown += [repr(event) for event in happened(session)] + [caplog.text]
    assert "eyJ" not in " ".join(shown)
    assert "refreshing has stopped: token_invalid" in caplog.text
