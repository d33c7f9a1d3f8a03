"""From a page's value to HTML: strict templates, everything escaped, headers that allow little."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import fields
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar, Final, Protocol, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from satmint import __version__
from satmint.http.messages import NO_STORE, HeaderList, Response

_HERE: Final = Path(__file__).parent
_CODE: Final = re.compile(r"`([^`]+)`")
_BREAKS: Final = re.compile(r"(?<=[/_])(?=\w)")


class Page(Protocol):
    """Everything that one page shows."""

    template: ClassVar[str]
    """The file that it is rendered with; the value's fields are what that file sees."""

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """Values to look at and to test with, by name: the usual one, the empty, the hostile."""
        ...


def prose(text: str) -> Markup:
    """`text` escaped, with what stands in backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped above


def breakable(text: str) -> Markup:
    """`text` escaped, with places where a narrow screen may break it."""
    return Markup("<wbr>").join(escape(part) for part in _BREAKS.split(text))


def phrase(status: int) -> str:
    """A status as people say it: `422 Unprocessable Content`."""
    return f"{status} {_PHRASES.get(status) or HTTPStatus(status).phrase}"


_PHRASES: Final = {413: "Content Too Large", 422: "Unprocessable Content"}
"""RFC 9110's names, where Python's may be older."""

_STYLE: Final = (_HERE / "style.css").read_text()

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ENVIRONMENT.filters |= {"prose": prose, "breakable": breakable, "phrase": phrase}
_ENVIRONMENT.globals |= {"style": Markup(_STYLE), "version": __version__}  # noqa: S704 - a file of ours


def _policy() -> Iterator[str]:
    """Nothing is loaded, sent, framed or run; the one style sheet is known by its hash (CSP 3)."""
    digest = b64encode(sha256(_STYLE.encode()).digest()).decode()
    yield "default-src 'none'"
    yield f"style-src 'sha256-{digest}'"
    yield "img-src data:"
    yield "form-action 'none'"
    yield "frame-ancestors 'none'"
    yield "base-uri 'none'"


def _policy_with_scripts(host: str) -> Iterator[str]:
    """The same for a page with scripts: what they load and call is at `host`, where the page is."""
    for directive in _policy():
        if directive.startswith("style-src "):
            yield f"{directive} 'self'"
        else:
            yield directive
    yield "script-src 'self'"
    # Not every browser takes sockets to be of the same origin, as CSP 3 does.
    yield f"connect-src 'self' ws://{host} wss://{host}"


_POLICY: Final = "; ".join(_policy()).encode()
_HEADERS: Final[HeaderList] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def render(page: Page) -> str:
    """`page` as an HTML document.

    Raises:
        jinja2.UndefinedError: the template asks for something that the page has not.
    """
    context = {field.name: getattr(page, field.name) for field in fields(page)}  # type: ignore[arg-type]
    return _ENVIRONMENT.get_template(page.template).render(context)


def html_response(
    status: int, html: str, *, secret: bool = False, host: str | None = None
) -> Response:
    """An HTML document as an answer.

    Args:
        status: HTTP status.
        html: The document.
        secret: Whether it shows something that must not be stored on the way.
        host: Host and port, as checked by the caller, from where the page may load scripts and
            whom these may call; None: it has none.
    """
    policy = _POLICY if host is None else "; ".join(_policy_with_scripts(host)).encode()
    return Response(
        status,
        html.encode(),
        (
            *_HEADERS,
            (b"content-security-policy", policy),
            *((NO_STORE,) if secret else ()),
        ),
    )
