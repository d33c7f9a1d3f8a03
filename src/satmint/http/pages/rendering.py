"""Renders pages as HTML, with strict templates, automatic escaping and restrictive headers."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, Self

from markupsafe import Markup, escape

from satmint import __version__
from satmint.http.call import NO_STORE, HeaderList, Response

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE: Final = Path(__file__).parent
_CODE: Final = re.compile(r"`([^`]+)`")
_JSON_REFERENCE: Final = re.compile(r"&#34;(#/[\w/-]+)&#34;")
_BREAK_POINTS: Final = re.compile(r"(?<=[/_])(?=\w)")


class Page(Protocol):
    """The data of one page."""

    template: ClassVar[str]
    """The template file. The fields of the page are its variables."""

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """Return example pages for tests and previews, by name: typical, empty and hostile."""
        ...


def inline_code(text: str) -> Markup:
    """Escape `text`, and mark the parts in backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped above


def breakable(text: str) -> Markup:
    """Escape `text`, and insert points where a narrow screen may break the line."""
    return Markup("<wbr>").join(escape(part) for part in _BREAK_POINTS.split(text))


def json_links(text: str) -> Markup:
    """Escape JSON, and make links of its references to other parts of the document."""
    linked = _JSON_REFERENCE.sub(r'&#34;<a href="\1">\1</a>&#34;', str(escape(text)))
    # A quotation mark needs no escape outside of attributes, and a document has thousands.
    return Markup(linked.replace("&#34;", '"'))  # noqa: S704 - escaped above


def status_text(status: int) -> str:
    """Return a status with its reason phrase: `422 Unprocessable Content`."""
    return f"{status} {_REASON_PHRASES.get(status) or HTTPStatus(status).phrase}"


_REASON_PHRASES: Final = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Reason phrases of RFC 9110 for which Python may have older names."""

_STYLE: Final = "".join((_HERE / name).read_text() for name in ("style.css", "reference.css"))


@cache
def _environment() -> "Environment":
    # Not above: commands and most servers render no page.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "inline_code": inline_code,
        "breakable": breakable,
        "json_links": json_links,
        "status_text": status_text,
    }
    environment.globals |= {"style": Markup(_STYLE), "version": __version__}  # noqa: S704 - ours
    return environment


def _policy() -> Iterator[str]:
    """Return a policy that allows nothing but the inline style sheet, by its hash (CSP 3)."""
    digest = b64encode(sha256(_STYLE.encode()).digest()).decode()
    yield "default-src 'none'"
    yield f"style-src 'sha256-{digest}'"
    yield "img-src data:"
    yield "form-action 'none'"
    yield "frame-ancestors 'none'"
    yield "base-uri 'none'"


def _policy_with_scripts(host: str | None) -> Iterator[str]:
    """Return a policy that also allows scripts and requests of this origin.

    Args:
        host: The host and port to which WebSockets are allowed, and also style sheets of this
            origin; None: neither is.
    """
    for directive in _policy():
        if directive.startswith("style-src ") and host is not None:
            yield f"{directive} 'self'"
        else:
            yield directive
    yield "script-src 'self'"
    # In some browsers, 'self' does not include WebSockets, although CSP 3 requires it.
    yield "connect-src 'self'" if host is None else f"connect-src 'self' ws://{host} wss://{host}"


_POLICY: Final = "; ".join(_policy()).encode()
_POLICY_WITH_SCRIPTS: Final = "; ".join(_policy_with_scripts(None)).encode()
_HEADERS: Final[HeaderList] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def render(page: Page) -> str:
    """Render `page` as an HTML document.

    Raises:
        jinja2.UndefinedError: the template uses a variable that the page does not have.
    """
    context = {field.name: getattr(page, field.name) for field in fields(page)}  # type: ignore[arg-type]
    return _environment().get_template(page.template).render(context)


def html_response(
    status: int,
    html: str,
    *,
    secret: bool = False,
    has_scripts: bool = False,
    host: str | None = None,
) -> Response:
    """Return a response with an HTML document.

    Args:
        status: The HTTP status.
        html: The document.
        secret: Whether the document contains a secret, which caches must not store.
        has_scripts: Whether the page has scripts, which may send requests to this origin.
        host: The host and port to which its scripts may also connect with WebSockets; validated by
            the caller. The page may also load style sheets.
    """
    policy = _POLICY_WITH_SCRIPTS if has_scripts else _POLICY
    if host is not None:
        policy = "; ".join(_policy_with_scripts(host)).encode()
    return Response(
        status,
        html.encode(),
        (
            *_HEADERS,
            (b"content-security-policy", policy),
            *((NO_STORE,) if secret else ()),
        ),
    )
