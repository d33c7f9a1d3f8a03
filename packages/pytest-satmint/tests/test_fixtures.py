"""The fixtures, as a test of somebody's program uses them: this file has no conftest."""

from __future__ import annotations

import asyncio
import os
import ssl
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from json import dumps, loads
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from pytest_satmint import SatmintError

if TYPE_CHECKING:
    from pytest_satmint import (
        GuestFactory,
        Satmint,
        SatmintCalls,
        SatmintClock,
        SatmintFaults,
        SubscriberFactory,
    )

INFO = "/api/fabric/subscriber/info"
REFRESH = "/api/fabric/subscribers/tokens/refresh"
REFRESHING = "refresh-subscriber-token"


class Answer:
    def __init__(self, status: int, content: bytes) -> None:
        self.status = status
        self.body: dict[str, Any] = loads(content)


def ask(
    server: Satmint,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: object = None,
    timeout: float = 60,
) -> Answer:
    """What a program under test does."""
    connection = HTTPConnection(server.space, timeout=timeout)
    try:
        content = None if body is None else dumps(body)
        typed = {"Content-Type": "application/json", **(headers or {})}
        connection.request(method, path, content, typed)
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()


def refresh(server: Satmint, refresh_token: str, timeout: float = 60) -> Answer:
    return ask(
        server,
        "POST",
        REFRESH,
        headers={"Authorization": f"Basic {server.control._basic}"},
        body={"refresh_token": refresh_token},
        timeout=timeout,
    )


# --- the server ----------------------------------------------------------------------------------


def test_server_tells_all_that_a_program_needs(satmint: Satmint) -> None:
    assert satmint.url == f"http://{satmint.space}"
    assert satmint.cluster_host == f"puc.localhost:{urlsplit(satmint.https_url).port}"
    assert satmint.api_token.startswith("PT")
    assert satmint.c2c_token.startswith("c2c_")
    assert [one.name for one in satmint.addresses] == ["support", "sales", "reception"]
    assert satmint.api_token not in repr(satmint)


def test_variables_are_those_that_sdks_read(satmint: Satmint) -> None:
    assert os.environ["SIGNALWIRE_SPACE"] == satmint.space
    assert os.environ["SIGNALWIRE_PROJECT_ID"] == satmint.project_id
    assert os.environ["SIGNALWIRE_API_TOKEN"] == satmint.api_token


def test_https_is_signed_by_the_authority_in_the_file(satmint: Satmint) -> None:
    trusting = ssl.create_default_context(cafile=satmint.ca_file)
    connection = HTTPSConnection(urlsplit(satmint.https_url).netloc, context=trusting, timeout=60)
    connection.request("GET", "/livez")
    assert connection.getresponse().status == 200
    connection.close()


# --- tokens --------------------------------------------------------------------------------------


def test_subscriber_has_a_session(satmint: Satmint, satmint_subscriber: SubscriberFactory) -> None:
    ada = satmint_subscriber("ada@example.com", first_name="Ada")
    assert ask(satmint, "GET", INFO, headers=ada.headers).body["first_name"] == "Ada"
    assert ada.token not in repr(ada)
    assert satmint_subscriber("ada@example.com").id == ada.id
    assert satmint_subscriber().id != satmint_subscriber().id


def test_guest_reaches_the_addresses_that_are_named(
    satmint: Satmint, satmint_guest: GuestFactory
) -> None:
    def reached(*names: str) -> set[str]:
        headers = satmint_guest(*names).headers
        found = ask(satmint, "GET", "/api/fabric/addresses", headers=headers).body["data"]
        return {one["name"] for one in found}

    assert reached("support", satmint.addresses[1].id) == {"support", "sales"}
    assert reached() == {"support", "sales", "reception"}


def test_refused_request_of_a_fixture_says_why(satmint_guest: GuestFactory) -> None:
    with pytest.raises(SatmintError, match=r"refused POST /api/fabric/guests/tokens with 422: .+"):
        satmint_guest("nowhere")


# --- the clock -----------------------------------------------------------------------------------


def test_time_passes_at_once(
    satmint: Satmint, satmint_clock: SatmintClock, satmint_subscriber: SubscriberFactory
) -> None:
    ada = satmint_subscriber()
    with satmint_clock.freeze() as frozen:
        satmint_clock.advance(hours=1, minutes=59, seconds=59)
        assert ask(satmint, "GET", INFO, headers=ada.headers).status == 200
        assert satmint_clock.advance(seconds=1) == frozen.now + timedelta(hours=2)
        assert ask(satmint, "GET", INFO, headers=ada.headers).status == 401
        assert satmint_clock.now() == frozen.now + timedelta(hours=2)
    assert refresh(satmint, ada.refresh_token).status == 201


def test_clock_is_set(satmint_clock: SatmintClock) -> None:
    satmint_clock.freeze()
    time = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert satmint_clock.at(time) == satmint_clock.now() == time
    assert satmint_clock.at(2_000_000_000) == datetime.fromtimestamp(2_000_000_000, UTC)
    assert satmint_clock.advance(days=-1) == datetime.fromtimestamp(1_999_913_600, UTC)
    assert satmint_clock.resume() >= datetime.fromtimestamp(1_999_913_600, UTC)


def test_time_that_is_none_is_refused(satmint_clock: SatmintClock) -> None:
    with pytest.raises(ValueError, match="ambiguous"):
        satmint_clock.at(datetime(2030, 1, 1))  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="whole seconds"):
        satmint_clock.advance(seconds=0.5)
    with pytest.raises(SatmintError, match="2000 to 2099"):
        satmint_clock.advance(days=365 * 100)


# --- faults and calls ----------------------------------------------------------------------------


def test_lost_answers_are_had_again(
    satmint: Satmint,
    satmint_faults: SatmintFaults,
    satmint_calls: SatmintCalls,
    satmint_subscriber: SubscriberFactory,
) -> None:
    ada = satmint_subscriber()
    assert satmint_calls() == []  # not those of fixtures
    with (
        satmint_faults.lose_answer(REFRESHING) as lost,
        satmint_faults.cut_answer(REFRESHING),
        satmint_faults.lose_request(),
        satmint_faults.refuse(429, REFRESHING, retry_after=7, times=2) as refused,
    ):
        for _ in range(3):
            with pytest.raises((HTTPException, OSError)):
                refresh(satmint, ada.refresh_token)
        assert refresh(satmint, ada.refresh_token).status == 429
        assert (lost.met, refused.met) == (1, 1)
    assert refused.met == 1  # the rest of it is disarmed
    assert refresh(satmint, ada.refresh_token).status == 201
    assert [(call.fault, call.status) for call in satmint_calls(REFRESHING)] == [
        ("lose_answer", 201),
        ("cut_answer", 201),
        ("lose_request", None),
        ("refuse", 429),
        (None, 201),
    ]
    assert satmint_calls("create-guest-token") == []
    first, *_, last = satmint_calls()
    assert first.elapsed <= last.elapsed
    assert str(first) == "refresh-subscriber-token 201 (lose_answer)"


def test_answers_are_late(
    satmint: Satmint, satmint_faults: SatmintFaults, satmint_subscriber: SubscriberFactory
) -> None:
    ada = satmint_subscriber()
    with satmint_faults.delay(120, REFRESHING) as answer:
        with pytest.raises(TimeoutError):
            refresh(satmint, ada.refresh_token, timeout=1)
        assert answer.met == 1
    with satmint_faults.delay(120, REFRESHING, of="request"), pytest.raises(TimeoutError):
        refresh(satmint, ada.refresh_token, timeout=1)
    assert refresh(satmint, ada.refresh_token).status == 201


def test_tokens_expire_early(
    satmint: Satmint, satmint_faults: SatmintFaults, satmint_subscriber: SubscriberFactory
) -> None:
    ada = satmint_subscriber()
    satmint_faults.expire(ada.token, what="sat")
    assert ask(satmint, "GET", INFO, headers=ada.headers).status == 401
    satmint_faults.expire(ada.token)
    assert refresh(satmint, ada.refresh_token).body["errors"][0]["code"] == "token_expired"
    assert satmint_faults.cut_sockets() == 0


def test_fault_that_no_request_met_fails_the_test(
    satmint: Satmint, satmint_faults: SatmintFaults
) -> None:
    with pytest.raises(pytest.fail.Exception, match="received no call in this test"):
        satmint_faults.lose_answer(REFRESHING).__exit__(None, None, None)
    ask(satmint, "GET", INFO)
    said = "no request met the fault refuse 500 of .*: get-subscriber-info 401$"
    with (
        pytest.raises(pytest.fail.Exception, match=said),
        satmint_faults.refuse(500, REFRESHING),
    ):
        pass
    with satmint_faults.refuse(500, REFRESHING, optional=True) as fault:
        pass
    assert fault.met == 0
    with pytest.raises(RuntimeError, match="own"), satmint_faults.lose_answer(REFRESHING):
        raise RuntimeError("the test's own")


def test_operation_that_there_is_not_is_refused(satmint_faults: SatmintFaults) -> None:
    with pytest.raises(SatmintError, match="Operation must be"):
        satmint_faults.lose_answer("refresh")


# --- event loops ---------------------------------------------------------------------------------


async def lost_and_had_again(server: Satmint, faults: SatmintFaults, refresh_token: str) -> int:
    def lose() -> None:
        with pytest.raises((HTTPException, OSError)):
            refresh(server, refresh_token)

    with faults.lose_answer(REFRESHING):
        await asyncio.to_thread(lose)
    return (await asyncio.to_thread(refresh, server, refresh_token)).status


@pytest.mark.asyncio
async def test_under_pytest_asyncio(
    satmint: Satmint, satmint_faults: SatmintFaults, satmint_subscriber: SubscriberFactory
) -> None:
    token = satmint_subscriber().refresh_token
    assert await lost_and_had_again(satmint, satmint_faults, token) == 201


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_under_anyio(
    satmint: Satmint, satmint_faults: SatmintFaults, satmint_subscriber: SubscriberFactory
) -> None:
    token = satmint_subscriber().refresh_token
    assert await lost_and_had_again(satmint, satmint_faults, token) == 201
