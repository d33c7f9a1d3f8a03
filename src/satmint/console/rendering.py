"""Renders templates as HTML, with strict variables, automatic escaping and restrictive headers."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from satmint import __version__
from satmint.console.assets import asset_url
from satmint.console.icons import SYMBOLS
from satmint.console.request import link
from satmint.console.times import exact_time, relative_hour, relative_time
from satmint.http.call import NO_STORE, HeaderList, Response
from satmint.http.pages.rendering import inline_code
from satmint.model.times import iso

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES: Final = Path(__file__).parent / "templates"

_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    b" connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final[HeaderList] = (
    (b"content-security-policy", _POLICY),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    # Not `no-referrer`: with it, browsers send `Origin: null` with forms of our own pages.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Headers of every response of the console."""
_HTML: Final = (b"content-type", b"text/html; charset=utf-8")


@cache
def _environment() -> "Environment":
    # Not above: commands and most servers render no page.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {"asset": asset_url, "link": link, "symbols": SYMBOLS}
    environment.globals["version"] = __version__
    environment.filters |= {
        "iso_time": iso,
        "exact_time": exact_time,
        "relative_hour": relative_hour,
        "relative_time": relative_time,
        "number": _number,
        "inline_code": inline_code,
        "sentence": _sentence,
    }
    return environment


def render(template: str, data: Mapping[str, object]) -> str:
    """Render a template.

    Raises:
        jinja2.UndefinedError: the template uses a variable that is not in `data`.
    """
    return _environment().get_template(template).render(data)


def html_response(status: int, html: str, headers: HeaderList = ()) -> Response:
    """A page, which no cache stores."""
    return Response(status, html.encode(), (_HTML, NO_STORE, *headers))


def _number(value: float) -> str:
    """A number with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _sentence(text: str) -> Markup:
    """A text that begins with a capital letter; see `inline_code`."""
    return inline_code(text[:1].upper() + text[1:])
