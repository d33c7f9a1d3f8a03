"""Which requests of the admin listener the console gets."""

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from satmint.http.admin import _Mounted

NAVIGATION = [(b"accept", b"text/html"), (b"sec-fetch-dest", b"document")]


async def receive() -> dict[str, Any]:
    raise AssertionError("nothing is read")


async def answer_to(scope: dict[str, Any]) -> list[object]:
    """What answered: the name of an application, or what was sent."""
    answered: list[object] = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        answered.append("app")

    async def console(_scope: Scope, _receive: Receive, _send: Send) -> None:
        answered.append("console")

    async def send(message: Any) -> None:  # noqa: ANN401 - any message
        answered.append(message)

    await _Mounted(app, "/console", console)({"headers": [], **scope}, receive, send)
    return answered


@pytest.mark.parametrize(
    ("path", "answering"),
    [
        ("/console", "console"),
        ("/console/", "console"),
        ("/console/projects", "console"),
        ("/consoles", "app"),
        ("/metrics", "app"),
        ("/", "app"),
        ("/a/console", "app"),
    ],
)
async def test_console_gets_its_own_path_and_all_below_it(path: str, answering: str) -> None:
    assert await answer_to({"type": "http", "method": "GET", "path": path}) == [answering]


async def test_browser_is_led_to_the_console_and_programs_are_not() -> None:
    root = {"type": "http", "method": "GET", "path": "/"}
    start, body = await answer_to({**root, "headers": NAVIGATION})
    assert isinstance(start, dict)
    assert isinstance(body, dict)
    assert (start["status"], dict(start["headers"])[b"location"]) == (303, b"/console")
    assert body["body"] == b""
    assert await answer_to({**root, "method": "POST", "headers": NAVIGATION}) == ["app"]
    assert await answer_to({"type": "lifespan"}) == ["app"]
