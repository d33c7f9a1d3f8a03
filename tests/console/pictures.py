"""Makes the pictures of docs/console.md: `make pictures`, which needs Chromium.

    .venv/bin/python -m tests.console.pictures

A server with an hour of sign-ins, refreshes and thefts behind it, in simulated time, is opened in a
browser. What the pictures depend on is noted beside them; `test_pictures.py` says when they have
grown old.
"""

import asyncio
import json
import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from satmint.console.pages import PAGES
from satmint.console.sign_in_link import sign_in_link
from satmint.console_assembly import console_of, seals_of
from satmint.console_keyring import ServiceKeyring
from satmint.http.metrics_history import MetricsHistory
from tests.console.visitor import SOURCES
from tests.kit.chromium import Page, a_browser
from tests.kit.listening import listening
from tests.kit.service import ORIGIN, Json, Server, a_service

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "docs" / "images"
NOTE: Final = FOLDER / "console.json"
_CONSOLE: Final = ROOT / "src" / "satmint" / "console"
_MINUTES: Final = 60
_USERS: Final = 40
_VICTIM: Final = "grace@example.com"
_LIFE_OF_A_VICTIM: Final = (8, 15, 19, 26, 33, 40)
"""The minutes in which a session is opened and goes on, which a theft ends."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture."""

    name: str
    """Of the file, without `.png`."""
    path: str
    """Of the page; `{project}` is the project, `{session}` a session that a theft has ended."""
    template: str
    """The page's own template."""
    width: int = 1280
    height: int = 860
    dark: bool = False


PICTURES: Final = (
    Picture("console-overview", "/overview", "overview.html"),
    Picture("console-project", "/projects/{project}/overview", "project_overview.html", dark=True),
    Picture("console-sessions", "/projects/{project}/sessions", "sessions.html"),
    Picture("console-session", "/projects/{project}/sessions/{session}", "session.html"),
    Picture("console-keys", "/keys", "keys.html", height=560),
    Picture("console-phone", "/overview", "overview.html", width=390, height=844),
    Picture("console-sign-in", "/sign-in", "sign_in.html", height=720),
)


def fingerprint(picture: Picture) -> str:
    """What a picture depends on: its template, the frame, the parts, the style, its size.

    The frame shows the navigation.
    """
    frame = "plain.html" if picture.template == "sign_in.html" else "page.html"
    files = [
        *(_CONSOLE / "templates" / name for name in (picture.template, frame, "parts.html")),
        _CONSOLE / "assets" / "console.css",
    ]
    digest = sha256(repr(picture).encode())
    if frame == "page.html":
        digest.update(repr([page.title for page in PAGES if page.navigation is not None]).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


async def make() -> None:
    """Make all pictures, and the note of what they depend on."""
    with tempfile.TemporaryDirectory() as folder:
        async with a_service(Path(folder)) as server:
            await _live_an_hour(server)
            keyring = ServiceKeyring(server.service)
            await keyring.rotate(ORIGIN)
            await keyring.prepare()
            server.clock.advance(5)
            console = console_of(server.service, "http://127.0.0.1:9464", "", SOURCES)
            async with listening(server.service.admin_app("", console)) as port:
                url = f"http://127.0.0.1:{port}"
                link = sign_in_link(seals_of(server.service), url, server.clock.now())
                places = {
                    "{project}": str(server.tenant.id),
                    "{session}": await _stolen_session(server),
                }
                await asyncio.to_thread(_take, Path(folder), url, link, places)
    noted = {picture.name: fingerprint(picture) for picture in PICTURES}
    NOTE.write_text(json.dumps(noted, indent=2) + "\n")


async def _live_an_hour(server: Server) -> None:
    """Sign-ins and refreshes, more of them towards the end; a few wrong credentials, one theft."""
    chance, pairs, stolen = random.Random(17), list[Json](), list[Json]()
    server.service.history = history = MetricsHistory(server.service.metrics, server.clock)
    gateway = server.service.metrics.gateway
    for minute in range(_MINUTES):
        busy = 2 + minute // 8 + chance.randrange(4)
        for _ in range(busy // 2):
            signed_in = await server.sign_in(f"user{chance.randrange(_USERS)}@example.com")
            pairs.append(signed_in)
        for number in chance.sample(range(len(pairs)), min(len(pairs), busy)):
            pairs[number] = await _rotated(server, pairs[number], again=chance.random() < 0.2)
        if chance.random() < 0.3:
            await server.client.get("/api/fabric/addresses", auth=("nobody", "wrong"))
        if minute in _LIFE_OF_A_VICTIM:
            stolen = await _go_on(server, stolen)
        if minute == 31:
            await _steal(server)
        if minute == 47:
            await server.refresh(stolen[0]["refresh_token"])
        gateway.connections = 3 * minute // 2 + chance.randrange(8)
        gateway.sessions = gateway.connections - chance.randrange(3)
        server.clock.advance(60)
        history.sample()
    await server.settled()
    await server.service.purge_step()


async def _rotated(server: Server, pair: Json, *, again: bool) -> Json:
    answer = await server.refresh(pair["refresh_token"])
    if again:
        answer = await server.refresh(pair["refresh_token"])
    return answer.json() if answer.is_success else pair


async def _steal(server: Server) -> None:
    """A refresh token that was used is presented after its successor was used, too."""
    first = await server.sign_in("mallory@example.com")
    second = await server.rotate(first["refresh_token"])
    await server.rotate(second["refresh_token"])
    await server.refresh(first["refresh_token"])


async def _stolen_session(server: Server) -> str:
    """The id of the session that a theft has ended last."""
    path = f"/api/satmint/sessions?subscriber={_VICTIM}"
    answer = await server.client.get(path, auth=server.tenant.auth)
    return str(answer.json()["data"][0]["id"])


async def _go_on(server: Server, pairs: list[Json]) -> list[Json]:
    """The pairs of a session whose first refresh token is stolen, with one more."""
    if not pairs:
        return [await server.sign_in(_VICTIM)]
    return [*pairs, await server.rotate(pairs[-1]["refresh_token"])]


def _take(folder: Path, url: str, link: str, places: Mapping[str, str]) -> None:
    with a_browser(folder) as browser, browser.page() as signed_in:
        signed_in.open(link)
        for picture in PICTURES:
            page = signed_in
            if picture.path == "/sign-in":
                with browser.page() as page:
                    _write(page, picture, f"{url}/console/sign-in")
                continue
            path = picture.path
            for name, value in places.items():
                path = path.replace(name, value)
            _write(page, picture, f"{url}/console{path}")


def _write(page: Page, picture: Picture, url: str) -> None:
    page.show(width=picture.width, height=picture.height, dark=picture.dark)
    assert page.open(url) == 200
    (FOLDER / f"{picture.name}.png").write_bytes(page.picture())


if __name__ == "__main__":
    asyncio.run(make())
