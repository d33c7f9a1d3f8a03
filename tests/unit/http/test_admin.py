"""Which requests of the admin listener the console gets, and which of other sites' pages nobody."""

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from satmint.http.admin import RebindingGuard, _Mounted, admin_application
from tests.kit.service import Server

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


async def path_behind_the_guard(
    authority: str | None, path: str, headers: dict[bytes, bytes]
) -> object:
    """The path that the application behind the guard is asked for."""
    asked: list[object] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        asked.append(scope["path"])

    async def send(_message: Any) -> None:  # noqa: ANN401 - any message
        raise AssertionError("nothing is sent")

    scope = {"type": "http", "path": path, "headers": list(headers.items())}
    await RebindingGuard(app, authority)(scope, receive, send)
    (found,) = asked
    return found


BY_BROWSER = {b"sec-fetch-site": b"same-origin"}
OF_A_PAGE = {b"origin": b"https://evil.example"}


@pytest.mark.parametrize(
    ("host", "path", "headers", "passes"),
    [
        (b"localhost:9464", "/metrics", BY_BROWSER, True),
        (b"192.0.2.7:9464", "/metrics", BY_BROWSER, True),
        (b"admin.example:9464", "/metrics", BY_BROWSER, True),
        (b"Admin.Example:9464", "/metrics", OF_A_PAGE, True),
        (b"admin.example", "/metrics", BY_BROWSER, False),
        (b"evil.example", "/metrics", BY_BROWSER, False),
        (b"evil.example", "/metrics", OF_A_PAGE, False),
        (b"evil.example", "/console/projects", {}, False),
        (b"admin.example:9464", "/console/projects", {}, True),
        (b"satmint:9464", "/metrics", {}, True),
    ],
)
async def test_browser_passes_by_a_name_that_is_known(
    host: bytes, path: str, headers: dict[bytes, bytes], passes: bool
) -> None:
    found = await path_behind_the_guard("admin.example:9464", path, {b"host": host, **headers})
    assert found == (path if passes else "/-")


async def test_browser_without_a_host_passes_by_no_name() -> None:
    assert await path_behind_the_guard(None, "/metrics", BY_BROWSER) == "/-"
    assert await path_behind_the_guard(None, "/metrics", {}) == "/metrics"


async def console(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def status_of(
    app: RebindingGuard, path: str, host: bytes, headers: list[tuple[bytes, bytes]]
) -> object:
    statuses: list[object] = []

    async def send(message: Any) -> None:  # noqa: ANN401 - any message
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", host), *headers],
        "client": None,
    }
    await app(scope, receive, send)
    (status,) = statuses
    return status


async def test_listener_has_a_console_if_it_is_given_one(server: Server) -> None:
    bare = admin_application(server.context)
    whole = admin_application(server.context, console)
    for app, root, console_status in ((bare, 404, 404), (whole, 303, 299)):
        assert await status_of(app, "/", b"localhost", NAVIGATION) == root
        assert await status_of(app, "/console", b"localhost", []) == console_status
        assert await status_of(app, "/metrics", b"localhost", []) == 200


async def test_listener_is_known_by_the_name_of_its_url(server: Server) -> None:
    named = admin_application(server.context, console, "https://admin.example:9464")
    unnamed = admin_application(server.context, console)
    for app, status in ((named, 299), (unnamed, 404)):
        assert await status_of(app, "/console", b"admin.example:9464", []) == status
