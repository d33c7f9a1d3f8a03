"""HTML pages, and a development server's credentials to show on them."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import httpx
from starlette.types import ASGIApp

from satmint.model.demo import Demo
from satmint.model.secrets import SecretText
from tests.kit.service import Server

LOOPBACK: Final = "http://127.0.0.1:8080"


class Document(HTMLParser):
    """What is in an HTML document: elements with their attributes, ids, links, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.pre: list[str] = []
        self._in_pre = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag == "pre":
            self._in_pre = True
            self.pre.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._in_pre = False

    def handle_data(self, data: str) -> None:
        if self._in_pre:
            self.pre[-1] += data

    def all(self, attribute: str, *tags: str) -> list[str]:
        """The values of an attribute."""
        return [
            attributes[attribute]
            for tag, attributes in self.elements
            if attribute in attributes and (not tags or tag in tags)
        ]


def a_demo(server: Server) -> Demo:
    """What a development server would give away."""
    return Demo(
        project_id=server.tenant.id,
        api_token=SecretText(server.tenant.api_token),
        c2c_token=SecretText("c2c_" + "0" * 32),
        addresses=server.tenant.addresses,
        http=LOOPBACK,
        https="https://127.0.0.1:8443",
        ca_file=Path("ca.pem"),
    )


def at(app: ASGIApp, base_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=base_url)
