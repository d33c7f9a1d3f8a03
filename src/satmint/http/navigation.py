"""Whether a request is the navigation of a browser, which shows its response as a page.

Programs get JSON, whatever they send: only an explicit preference for HTML makes a page.
"""

from collections.abc import Mapping
from typing import Final

_METHODS: Final = frozenset({"GET", "HEAD"})
_HTML: Final = ("text/html", "application/xhtml+xml")

VARY: Final = (b"vary", b"Accept, Sec-Fetch-Dest, Sec-Fetch-Mode")
"""The header of a response that depends on `is_navigation` (RFC 9110, section 12.5.5)."""


def is_navigation(method: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser opens the URL itself, in a tab.

    Browsers say so with `Sec-Fetch-Dest: document` (Fetch Metadata), but only to HTTPS servers and
    to this machine. Without that header, `Accept` decides: it must name HTML, and prefer it to
    JSON. `*/*`, which SDKs and curl send, does not.

    Args:
        method: The method of the request.
        headers: Its headers, by lower-case name.
    """
    if method not in _METHODS:
        return False
    accept = _qualities(headers.get(b"accept", b"").decode("latin-1"))
    html = max(accept.get(name, 0.0) for name in _HTML)
    destination = headers.get(b"sec-fetch-dest")
    if destination is not None:
        is_document = destination == b"document"
        navigates = headers.get(b"sec-fetch-mode", b"navigate") == b"navigate"
        return is_document and navigates and (html > 0 or _accepts_any(accept))
    return html > _quality_of_json(accept)


def _accepts_any(accept: Mapping[str, float]) -> bool:
    """Whether any type, and so HTML, is accepted without being named."""
    named = any(name in accept for name in _HTML)
    return not accept or (not named and accept.get("text/*", accept.get("*/*", 0.0)) > 0)


def _quality_of_json(accept: Mapping[str, float]) -> float:
    for name in ("application/json", "application/*", "*/*"):
        if name in accept:
            return accept[name]
    return 0.0


def _qualities(accept: str) -> dict[str, float]:
    """Return the quality of each media range of an `Accept` header (RFC 9110, section 12.5.1)."""
    found: dict[str, float] = {}
    for media_range in accept.split(","):
        name, *parameters = (part.strip().lower() for part in media_range.split(";"))
        if name:
            found[name] = next(map(_weight, filter(_is_weight, parameters)), 1.0)
    return found


def _is_weight(parameter: str) -> bool:
    return parameter.startswith("q=")


def _weight(parameter: str) -> float:
    """Return a weight; 0 if it is malformed, so that it makes no page."""
    text = parameter.removeprefix("q=")
    digits = text.replace(".", "", 1)
    return min(float(text), 1.0) if digits.isdecimal() and digits.isascii() else 0.0
