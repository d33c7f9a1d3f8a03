"""Fields that the server adds to answers: `Date`, `Strict-Transport-Security`, `Connection`."""

from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from satmint.server import Listener, bind
from tests.kit.clock import FrozenClock
from tests.kit.polling import until
from tests.server.request_heads import get, head_of
from tests.server.running_server import BOTH_LOOPS, SCHEMES, Answer, Client, read_answers, served

pytestmark = BOTH_LOOPS

DATE: Final = "Tue, 14 Nov 2023 22:13:20 GMT"
STS: Final = "strict-transport-security"


async def answer_of_application(client: Client) -> Answer:
    return await client.ask(get())


async def refusal(client: Client) -> Answer:
    (answer,) = read_answers(await _sent(client, b"nonsense\r\n\r\n"))
    assert answer.status == 400
    return answer


async def _sent(client: Client, data: bytes) -> bytes:
    client.send(data)
    return await client.rest()


@pytest.mark.parametrize("asked", [answer_of_application, refusal])
async def test_answer_has_the_date(asked: Callable[[Client], Awaitable[Answer]]) -> None:
    clock = FrozenClock()
    async with served(clock=clock) as site:
        async with site.client() as client:
            assert (await asked(client)).fields["date"] == DATE
        clock.advance(1)
        await until(lambda: b":21 " in site.server._date.line)
        async with site.client() as client:
            assert (await asked(client)).fields["date"] == DATE.replace(":20 ", ":21 ")


async def test_application_may_say_the_date_itself() -> None:
    async with served(clock=FrozenClock(), send_date=False) as site, site.client() as client:
        assert "date" not in (await client.ask(get())).fields


@SCHEMES
@pytest.mark.parametrize("seconds", [0, 31_536_000])
async def test_browsers_are_told_to_use_https_over_https_where_that_is_wanted(
    tls: bool, seconds: int
) -> None:
    async with served(tls=tls, hsts_seconds=seconds) as site, site.client() as client:
        fields = (await client.ask(get())).fields
        assert fields.get(STS) == ("max-age=31536000" if tls and seconds else None)


async def test_listener_over_http_beside_one_over_https_says_nothing_of_https() -> None:
    async with served(tls=True, hsts_seconds=60) as site:
        plain = Listener(bind("127.0.0.1", 0))
        site.server.listen(site.app, plain)
        site.tls = False
        async with site.client(port=plain.port) as client:
            assert STS not in (await client.ask(get())).fields


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_answer_says_that_the_connection_ends_and_nothing_else(version: bytes) -> None:
    async with served() as site, site.client() as client:
        client.send(head_of(b"GET / HTTP/" + version, b"host: x", b"connection: close"))
        (answer,) = read_answers(await client.rest())
        assert answer.fields["connection"] == "close"
    async with served() as site, site.client() as client:
        assert "connection" not in (await client.ask(get())).fields


async def test_close_of_the_application_stands_there_once() -> None:
    async with served() as site:
        for fields in ([], [b"connection: close"]):
            client = await site.connect()
            (answer,) = read_answers(await _sent(client, get(*fields, path=b"/refused")))
            assert answer.fields["connection"] == "close"


async def test_answer_does_not_say_what_the_server_is() -> None:
    async with served() as site, site.client() as client:
        for asked in (answer_of_application, refusal):
            assert "server" not in (await asked(client)).fields
