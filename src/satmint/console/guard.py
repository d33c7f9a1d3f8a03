"""Which requests the console considers at all: those of its own pages, and of people.

Any web site can make a browser send requests to this machine. `SameSite=Strict` keeps the session's
cookie from them; this is the second line. Fetch Metadata (W3C) tells who caused a request. Host
names are checked by `satmint.http.admin.RebindingGuard`, before this.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

_OWN: Final = frozenset({b"same-origin", b"none"})


def is_from_elsewhere(method: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a page of another origin caused a request that it may not cause.

    It may lead a visitor to the console, by a link: that changes nothing, and shows the other page
    nothing.
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None and site not in _OWN:
        is_link = (
            method in ("GET", "HEAD")
            and headers.get(b"sec-fetch-mode") == b"navigate"
            and headers.get(b"sec-fetch-dest") == b"document"
        )
        if not is_link:
            return True
    return method not in ("GET", "HEAD") and not _is_own_origin(headers)


def is_cross_site_link(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a link of another site led here, so that the browser has withheld the cookie."""
    return headers.get(b"sec-fetch-site") == b"cross-site"


def is_secure(scheme: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether the browser uses TLS, here or at a proxy.

    A caller that claims it without a proxy only gets a cookie that its browser does not keep.
    """
    return scheme == "https" or headers.get(b"x-forwarded-proto", b"").strip() == b"https"


def _is_own_origin(headers: Mapping[bytes, bytes]) -> bool:
    """Whether `Origin` names the host of the request. Every browser sends it with POST."""
    try:
        origin = urlsplit(headers.get(b"origin", b"").decode("ascii"))
        host = headers.get(b"host", b"").decode("ascii")
    except ValueError:
        return False
    return origin.scheme in ("http", "https") and origin.netloc == host and bool(host)
