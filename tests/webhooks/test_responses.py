"""What is kept of the answers of endpoints, whatever these send."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model.deliveries import RESPONSE_LIMIT, DeliveryRecord, DeliveryState
from satmint.model.listing import Window
from satmint.model.webhooks import OutgoingMessage, Webhook
from satmint.webhooks import DispatchLimits
from satmint.webhooks.attempt import _may_have_body, _read
from satmint.webhooks.response_text import READ_BYTES, response_text
from satmint.webhooks.sender import Sender
from tests.kit.clock import NOW
from tests.kit.service import Server
from tests.kit.slow_endpoints import slow_endpoint
from tests.webhooks.post import a_post
from tests.webhooks.receiver import receiving

SECRET = bytes(range(32))
QUICK = DispatchLimits(body_seconds=0.1)


async def record_of(server: Server, webhook: Webhook) -> DeliveryRecord:
    store = server.services.store.webhooks
    page = await store.list_deliveries(webhook.project, webhook.id, None, Window(10))
    (record,) = page.items
    return record


def answer(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b'{\n  "ok": true\n}\n', '{ "ok": true }'),
        ("größe ✓".encode(), "größe ✓"),
        (b"\x1b[31mred\x07\x00", "?[31mred??"),
        ("a\u202eb\u200bc\u2028d".encode(), "a?b?c d"),
        (b"\xff\xfe\x80", "???"),
        (b"<script>alert(1)</script>", "<script>alert(1)</script>"),
        (b"x" * 5000, "x" * RESPONSE_LIMIT),
        (b"WEBHOOK_SECRET=whsec_AAECAwQ=", "WEBHOOK_SECRET=[hidden]"),
        (b"Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: [hidden]"),
        (b"token PT" + b"0123456789abcdef" * 3, "token [hidden]"),
        (b"refresh eyJhbGciOiJkaXIi.aaaa.bbbb.cccc.dddd!", "refresh [hidden]!"),
        (b"key=" + b64encode(SECRET) + b";", "key=[hidden];"),
        (b"a " * (RESPONSE_LIMIT // 2) + b"whsec_AAECAwQ", "a " * (RESPONSE_LIMIT // 2)),
    ],
)
def test_text_of_a_body(body: bytes, text: str) -> None:
    assert response_text(body, SECRET) == text


@given(st.binary(max_size=3 * READ_BYTES))
def test_text_is_always_short_and_printable(body: bytes) -> None:
    text = response_text(body, SECRET)
    assert text.isprintable()
    assert len(text) <= RESPONSE_LIMIT
    assert "\0" not in text.encode("utf-8").decode("utf-8")


@pytest.mark.parametrize(
    ("sent", "status", "text"),
    [
        (answer("200 OK", b"thank you"), 200, "thank you"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (answer("500 No", b"Traceback\n  line 1"), 500, "Traceback line 1"),
        (answer("302 Found", b"elsewhere"), 302, "elsewhere"),
        (answer("200 OK", b"y" * 5_000_000), 200, "y" * RESPONSE_LIMIT),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ncut", 200, "cut"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n", 200, ""),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08", 200, "??"),
    ],
)
async def test_answer_is_recorded_with_its_status(
    server: Server, sent: bytes, status: int, text: str
) -> None:
    async with receiving(sent) as receiver, a_post(server, limits=QUICK) as post:
        webhook = await post.webhook(receiver.url)
        await post.alert()
        assert await post.dispatcher.deliver_due() == 1
    record = await record_of(server, webhook)
    arrived = 200 <= status < 300
    assert record.state is (DeliveryState.DELIVERED if arrived else DeliveryState.PENDING)
    assert record.result.error == ("" if arrived else f"status_{status}")
    assert (record.result.status, record.result.response) == (status, text)
    assert record.result.latency_ms is not None
    assert post.outcomes == {"delivered" if arrived else "failed": 1}


@pytest.mark.parametrize(
    ("behaviour", "starts"), [("endless body", "x" * RESPONSE_LIMIT), ("trickles its body", "x")]
)
async def test_body_without_an_end_delays_nothing(
    server: Server, behaviour: str, starts: str
) -> None:
    async with slow_endpoint(behaviour) as endpoint, a_post(server, limits=QUICK) as post:
        webhook = await post.webhook(endpoint.url)
        await post.alert()
        async with asyncio.timeout(30):
            assert await post.dispatcher.deliver_due() == 1
    record = await record_of(server, webhook)
    assert (record.state, record.result.status) == (DeliveryState.DELIVERED, 200)
    assert record.result.response.startswith(starts)
    assert post.outcomes == {"delivered": 1}


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, [], True),
        (205, [], True),
        (204, [], False),
        (200, [(b"Content-Length", b"0")], False),
        (200, [(b"content-length", b"1")], True),
        (200, [(b"x-count", b"0")], True),
    ],
)
def test_answer_without_a_body_is_not_read(
    status: int, headers: list[tuple[bytes, bytes]], expected: bool
) -> None:
    assert _may_have_body(httpcore.Response(status, headers=headers)) is expected


async def test_no_more_is_read_than_is_needed() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        yield b"y" * 2 * READ_BYTES
        raise AssertionError("it reads on")

    start = bytearray()
    await _read(httpcore.Response(200, content=body()), start)
    assert start == b"x" + b"y" * (READ_BYTES - 1)


async def test_attempt_without_an_answer_has_neither_status_nor_latency(server: Server) -> None:
    """The time that it took would tell which addresses exist."""
    async with a_post(server) as post:
        webhook = await post.webhook("http://127.0.0.1:1/")
        await post.alert()
        await post.dispatcher.deliver_due()
    result = (await record_of(server, webhook)).result
    assert (result.error, result.status, result.latency_ms) == ("connection_refused", None, None)
    assert result.response == ""


async def _answer_without_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65_536)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def test_cause_is_told_where_private_addresses_are_allowed() -> None:
    message = OutgoingMessage(UUID(int=1), "", UUID(int=2), b"{}")
    plain = await asyncio.start_server(_answer_without_tls, "127.0.0.1", 0)
    async with plain:
        port = plain.sockets[0].getsockname()[1]
        causes = {
            "http://nobody.invalid/": ("name_not_resolved", "unreachable"),
            "http://127.0.0.1:1/": ("connection_refused", "unreachable"),
            f"https://127.0.0.1:{port}/": ("tls_failed", "unreachable"),
        }
        for number, private in enumerate((True, False)):
            async with Sender(private=private) as sender:
                for url, errors in causes.items():
                    one = replace(message, url=url)
                    result = await sender.send(one, SECRET, NOW, QUICK)
                    assert result.error == errors[number], url


async def test_latency_is_the_time_until_the_headers_of_the_answer(server: Server) -> None:
    async with slow_endpoint("answers late") as endpoint, a_post(server) as post:
        webhook = await post.webhook(endpoint.url)
        await post.alert()
        time = asyncio.get_running_loop().time
        began = time()
        assert await post.dispatcher.deliver_due() == 1
        elapsed = 1000 * (time() - began)
    latency = (await record_of(server, webhook)).result.latency_ms
    assert latency is not None
    assert 590 < latency <= elapsed + 1  # it answers after 600 ms


async def test_a_body_that_comes_after_its_head_is_read(server: Server) -> None:
    limits = DispatchLimits(body_seconds=1.0)
    async with (
        slow_endpoint("trickles its body") as endpoint,
        a_post(server, limits=limits) as post,
    ):
        webhook = await post.webhook(endpoint.url)
        await post.alert()
        assert await post.dispatcher.deliver_due() == 1
    assert (await record_of(server, webhook)).result.response.startswith("xxx")


async def test_a_body_that_never_ends_is_read_for_as_long_as_a_body_may_be(server: Server) -> None:
    limits = DispatchLimits(delivery_seconds=60.0, body_seconds=0.1)
    async with (
        slow_endpoint("trickles its body") as endpoint,
        a_post(server, limits=limits) as post,
    ):
        await post.webhook(endpoint.url)
        await post.alert()
        async with asyncio.timeout(20):
            assert await post.dispatcher.deliver_due() == 1
    assert post.outcomes == {"delivered": 1}
