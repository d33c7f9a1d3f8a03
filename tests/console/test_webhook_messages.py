"""Webhooks with an endpoint that answers: tried out, held back, and their messages sent again."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from satmint.model.events import EventKind
from tests.console.record_samples import SCRIPT
from tests.console.shown import errors_of, text_of, value_of
from tests.console.visitor import Visitor
from tests.kit.service import Rows, Server, a_service
from tests.webhooks.post import a_post
from tests.webhooks.receiver import receiving

API = "/api/satmint/webhooks"
URL = "https://hooks.example/alerts"
UNKNOWN = "6513270e-269e-4d37-b2a7-4de452e6b438"
REFUSED = f"HTTP/1.1 500 No\r\ncontent-length: {len(SCRIPT)}\r\n\r\n{SCRIPT}".encode()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with a_service(tmp_path, private_webhooks=True) as made:
        yield made


@pytest.fixture
def base(server: Server) -> str:
    return f"/console/projects/{server.tenant.id}/webhooks"


async def create(visitor: Visitor, base: str, url: str) -> httpx.Response:
    await visitor.get(f"{base}/create")
    return await visitor.post(f"{base}/create", {"url": url})


async def only(server: Server) -> str:
    answer = await server.client.get(API, auth=server.tenant.auth)
    (one,) = answer.json()["data"]
    return str(one["id"])


async def act(visitor: Visitor, path: str, action: str, **fields: str) -> str:
    """The page to which an action leads."""
    return text_of(await visitor.follow(await visitor.post(f"{path}/{action}", fields)))


async def written(server: Server) -> Rows:
    await server.settled()
    return await server.rows("webhooks", "deliveries", "events")


async def test_refused_url_comes_back_beside_its_field(
    server: Server, visitor: Visitor, base: str
) -> None:
    before = await written(server)
    for url, error in (
        ("", "Required parameter is missing."),
        ("ftp://hooks.example/", "Url must be an http or https URL."),
        (
            "https://a:b@hooks.example/",
            "Url must be an https URL without credentials and fragment.",
        ),
        ("https://hooks.example:0/", "Url must have a port from 1 to 65535, or none."),
    ):
        answer = await create(visitor, base, url)
        assert errors_of(answer) == {"url": error}
        assert value_of(answer, "url") == url
    assert await written(server) == before


async def test_eleventh_webhook_is_refused(server: Server, visitor: Visitor, base: str) -> None:
    for _ in range(10):
        await server.client.post(API, json={"url": URL}, auth=server.tenant.auth)
    answer = await create(visitor, base, URL)
    assert answer.status_code == 422
    assert "A project has at most 10 webhooks" in text_of(answer)


async def test_test_shows_the_status_and_the_start_of_the_answer(
    visitor: Visitor, server: Server, base: str
) -> None:
    async with receiving(REFUSED) as receiver:
        await create(visitor, base, receiver.url)
        path = f"{base}/{await only(server)}"
        await visitor.get(path)
        answer = await visitor.post(f"{path}/test")
        shown = await visitor.follow(answer)
        assert "The endpoint answered 500 after" in text_of(shown)
        assert SCRIPT not in shown.text
        assert "&lt;script&gt;" in shown.text
        assert "The endpoint answered 204 after" in await act(visitor, path, "test")
        assert len(receiver.bodies) == 2
        assert b'"test"' in receiver.bodies[0]
    assert "The test message has not arrived:" in await act(visitor, path, "test")
    for _ in range(100):
        if "Too many tests" in await act(visitor, path, "test"):
            break
    else:
        pytest.fail("tests are not limited")


async def test_message_is_shown_and_sent_again(server: Server, visitor: Visitor, base: str) -> None:
    async with receiving(REFUSED) as receiver, a_post(server) as post:
        made = await post.webhook(receiver.url)
        path = f"{base}/{made.id}"
        assert "No messages" in text_of(await visitor.get(path))
        await post.alert(SCRIPT)
        await post.dispatcher.deliver_due()
        page = await visitor.get(path)
        assert SCRIPT not in page.text
        shown = text_of(page)
        assert "reuse detected" in shown
        assert "500, " in shown
        assert SCRIPT in shown
        assert "attempt 1" in shown
        assert "pending next in 5 s" in shown
        assert "Next attempt in 5 s" in shown
        server.clock.advance(6)
        shown = text_of(await visitor.get(path))
        assert "pending due now" in shown
        assert "Next attempt at once" in shown
        delivery = receiver.headers[0]["webhook-id"]
        assert "The message is sent again." in await act(visitor, path, "retry", delivery=delivery)
        assert await post.dispatcher.deliver_due() == 1
        assert "204, " in text_of(await visitor.get(f"{path}?state=delivered"))
        assert "No messages" in text_of(await visitor.get(f"{path}?state=given_up"))
        for wrong in (UNKNOWN, "nonsense", ""):
            await visitor.get(path)
            answer = await visitor.post(f"{path}/retry", {"delivery": wrong})
            assert answer.status_code == 404
        await visitor.get(path)
        await act(visitor, path, "pause")
        told = await act(visitor, path, "retry", delivery=delivery)
        assert "The message is sent when the webhook is resumed." in told
        assert await post.dispatcher.deliver_due() == 0


async def test_paused_webhook_waits_until_it_is_resumed(
    server: Server, visitor: Visitor, base: str
) -> None:
    async with receiving() as receiver, a_post(server) as post:
        path = f"{base}/{(await post.webhook(receiver.url)).id}"
        await visitor.get(path)
        shown = await act(visitor, path, "pause")
        assert "The webhook is paused: its messages wait." in shown
        assert "by operator" in shown
        await post.alert("ada@example.com")
        assert await post.dispatcher.deliver_due() == 0
        assert "The webhook is resumed" in await act(visitor, path, "resume")
        assert await post.dispatcher.deliver_due() == 1
    kinds = await server.events()
    assert EventKind.WEBHOOK_PAUSED in kinds
    assert EventKind.WEBHOOK_RESUMED in kinds
