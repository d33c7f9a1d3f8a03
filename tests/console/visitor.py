"""Somebody at the console, without a browser: cookies, forms, and headers as browsers send them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import httpx

from satmint.console import Console
from satmint.console.page import Page
from satmint.console.sign_in_link import sign_in_link
from satmint.console_assembly import console_context, console_of, seals_of
from tests.kit.pages import Document
from tests.kit.service import Server, Tenant

SOURCES: Final = {"database": "--database", "keyring": "SATMINT_KEYRING"}

Fields = Mapping[str, str | list[str]]

ADMIN: Final = "http://127.0.0.1:9464"
_NAVIGATION: Final = {
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
_SUBMISSION: Final = {**_NAVIGATION, "Sec-Fetch-Site": "same-origin"}


class Visitor:
    """A browser at the console of a server."""

    def __init__(self, server: Server, client: httpx.AsyncClient) -> None:
        self.server = server
        self.client = client
        self.page = Document("")
        """The page that was shown last."""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Open a page; redirects are not followed."""
        answer = await self.client.get(path, headers={**_NAVIGATION, **headers})
        if answer.status_code == 200:
            self.page = Document(answer.text)
        return answer

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        """Open the page to which a redirect leads."""
        assert answer.status_code == 303, answer.text
        return await self.get(answer.headers["location"], **{"Sec-Fetch-Site": "same-origin"})

    @property
    def csrf_token(self) -> str:
        """The CSRF token in the page that was shown last."""
        return next(
            attributes["value"]
            for tag, attributes in self.page.elements
            if tag == "input" and attributes.get("name") == "csrf_token"
        )

    async def post(self, path: str, fields: Fields | None = None, **headers: str) -> httpx.Response:
        """Send a form, as the page that was shown last does."""
        sent = {"csrf_token": self.csrf_token, **(fields or {})}
        return await self.send(path, sent, **headers)

    async def send(self, path: str, fields: Fields, **headers: str) -> httpx.Response:
        """Send a form with exactly these fields."""
        origin = str(self.client.base_url).rstrip("/")
        given = {**_SUBMISSION, "Origin": origin, **headers}
        kept = {name: value for name, value in given.items() if value}
        return await self.client.post(path, data=fields, headers=kept)

    def link(self) -> str:
        """The path of the link that `satmint console` prints now."""
        return sign_in_link(seals_of(self.server.service), "", self.server.clock.now())

    async def sign_in_as_operator(self) -> None:
        """Open a sign-in link."""
        answer = await self.follow(await self.get(self.link()))
        while answer.status_code == 303:
            answer = await self.follow(answer)
        assert answer.status_code == 200

    async def sign_in_as_manager(self, tenant: Tenant | None = None) -> None:
        """Send the form of the sign-in page."""
        tenant = tenant or self.server.tenant
        fields: Fields = {
            "project": str(tenant.id),
            "api_token": tenant.api_token,
        }
        answer = await self.send("/console/sign-in", fields)
        while answer.status_code == 303:
            answer = await self.follow(answer)
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def visiting(
    server: Server,
    url: str = ADMIN,
    address: str = "127.0.0.1",
    pages: Sequence[Page] | None = None,
) -> AsyncIterator[Visitor]:
    """A browser with cookies of its own, at the console of a server.

    Args:
        server: The server.
        url: By which the browser reaches the admin listener.
        address: The browser's.
        pages: Other pages than the console's own.
    """
    console = console_of(server.service, ADMIN, "", SOURCES)
    if pages is not None:
        console = Console(console_context(server.service, ADMIN, "", SOURCES), pages)
    app = server.service.admin_app(ADMIN, console)
    transport = httpx.ASGITransport(app=app, client=(address, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url=url) as client:
        yield Visitor(server, client)
