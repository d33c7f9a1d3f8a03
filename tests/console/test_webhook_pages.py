"""Webhooks: created, tried out, paused, resumed, deleted; their messages sent again."""

from pathlib import Path

import pytest

from tests.console.shown import errors_of, secret_of, text_of
from tests.console.visitor import Visitor, visiting
from tests.kit.service import Server, a_service
from tests.webhooks.receiver import receiving

URL = "https://hooks.example.invalid/alerts"


@pytest.fixture
def base(server: Server) -> str:
    return f"/console/projects/{server.tenant.id}/webhooks"


async def create(server: Server, visitor: Visitor, base: str, url: str = URL) -> str:
    """Create a webhook by its form; returns the path of its page."""
    await visitor.get(f"{base}/create")
    answer = await visitor.post(f"{base}/create", {"url": url})
    assert secret_of(answer).startswith("whsec_")
    page = await server.client.get("/api/satmint/webhooks", auth=server.tenant.auth)
    return f"{base}/{page.json()['data'][-1]['id']}"


async def test_bad_url_comes_back_beside_its_field(visitor: Visitor, base: str) -> None:
    await visitor.get(f"{base}/create")
    answer = await visitor.post(f"{base}/create", {"url": "http://127.0.0.1/x"})
    assert answer.status_code == 422
    assert "SATMINT_PRIVATE_WEBHOOKS" in errors_of(answer)["url"]


async def test_secret_is_shown_once(server: Server, visitor: Visitor, base: str) -> None:
    path = await create(server, visitor, base)
    shown = await visitor.get(path)
    assert "whsec_" not in shown.text
    assert URL in shown.text
    assert "No webhooks" not in text_of(await visitor.get(base))


async def test_result_of_a_test_is_told(tmp_path: Path) -> None:
    hostile = b"HTTP/1.1 500 No\r\ncontent-length: 22\r\n\r\n<script>go(1)</script>"
    async with (
        a_service(tmp_path, private_webhooks=True) as server,
        server.service.sender,
        visiting(server) as visitor,
        receiving(hostile) as receiver,
    ):
        await visitor.sign_in_as_manager()
        base = f"/console/projects/{server.tenant.id}/webhooks"
        path = await create(server, visitor, base, receiver.url)
        await visitor.get(path)
        shown = await visitor.follow(await visitor.post(f"{path}/test"))
        assert "The endpoint answered 500 after" in text_of(shown)
        assert "<script>go" not in shown.text
        await visitor.get(path)
        shown = await visitor.follow(await visitor.post(f"{path}/test"))
        assert "The endpoint answered 204 after" in text_of(shown)


_METADATA = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\n\r\n"
_MARKUP = b"HTTP/1.1 200 OK\r\n\r\n</span><script>go(1)</script>\x1b[2J\xe2\x80\xae"


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (_METADATA, "The endpoint answered 302 after"),
        (_MARKUP, "The endpoint answered 200 after"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000 + b"\r\n", "invalid response"),
        (b"HTTP/1.1 200 " + b"z" * 1_000_000, "invalid response"),
        (b"not HTTP\r\n\r\n", "invalid response"),
    ],
    ids=["redirect", "markup", "many headers", "long head", "nonsense"],
)
async def test_hostile_response_is_shown_as_text(
    tmp_path: Path, response: bytes, told: str
) -> None:
    async with (
        a_service(tmp_path, private_webhooks=True) as server,
        server.service.sender,
        visiting(server) as visitor,
        receiving(response) as receiver,
    ):
        await visitor.sign_in_as_manager()
        base = f"/console/projects/{server.tenant.id}/webhooks"
        path = await create(server, visitor, base, receiver.url)
        await visitor.get(path)
        shown = await visitor.follow(await visitor.post(f"{path}/test"))
        assert told in text_of(shown)
        assert len(receiver.bodies) == 1, "a redirect was followed"
        for part in ("<script>go", "\x1b", "\u202e", "169.254"):
            assert part not in shown.text


async def test_webhook_is_paused_and_resumed(server: Server, visitor: Visitor, base: str) -> None:
    path = await create(server, visitor, base)
    await visitor.get(path)
    assert (await visitor.post(f"{path}/pause")).headers["location"] == path
    assert "paused by operator" in text_of(await visitor.get(path))
    await visitor.post(f"{path}/resume")
    assert "paused by operator" not in text_of(await visitor.get(path))


async def test_messages_are_listed_and_sent_again(
    server: Server, visitor: Visitor, base: str
) -> None:
    path = await create(server, visitor, base)
    pair = await server.sign_in("ada")
    sessions = await server.client.get("/api/satmint/sessions", auth=server.tenant.auth)
    session = sessions.json()["data"][0]["id"]
    await server.client.delete(f"/api/satmint/sessions/{session}", auth=server.tenant.auth)
    shown = await visitor.get(path)
    assert "session revoked" in text_of(shown)
    assert "ada" in text_of(shown)
    assert pair["token"] not in shown.text
    deliveries = f"/api/satmint/webhooks/{path.rpartition('/')[2]}/deliveries"
    (found,) = (await server.client.get(deliveries, auth=server.tenant.auth)).json()["data"]
    assert "No messages" in text_of(await visitor.get(f"{path}?state=given_up"))
    await visitor.get(path)
    answer = await visitor.post(f"{path}/retry", {"delivery": found["id"]})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert (await visitor.post(f"{path}/retry", {"delivery": session})).status_code == 404


async def test_webhook_is_deleted_after_a_question(
    server: Server, visitor: Visitor, base: str
) -> None:
    path = await create(server, visitor, base)
    assert "1 webhook will be deleted" in text_of(await visitor.get(f"{path}/delete"))
    assert (await visitor.post(f"{path}/delete")).headers["location"] == base
    assert (await visitor.get(path)).status_code == 404
