"""Web origins, base URLs and cluster hosts, in the one form in which browsers send them.

An origin is compared as text (RFC 6454, section 4), so that any other form would match nothing.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_APP_SCHEMES: Final = frozenset(
    {
        *("app", "capacitor", "ionic", "tauri"),
        *("chrome-extension", "moz-extension", "safari-web-extension"),
    }
)
"""Schemes of apps and extensions. Browsers send their hosts as they are written."""

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(.*)", re.DOTALL)
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::([0-9]*))?")
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
_MAX_LENGTH: Final = 255
_MAX_PORT: Final = 65_535


class InvalidWebAddress(ValueError):
    """The message says what the address must be, after its name. It repeats nothing of it."""


def normal_origin(text: str) -> str:
    """A web origin (RFC 6454) as browsers send it: lower case, no default port, no final slash.

    Raises:
        InvalidWebAddress: `text` is not an origin.
    """
    scheme, authority, path, rest = _parts(text)
    if path not in ("", "/") or rest:
        raise InvalidWebAddress("must be an origin without a path, such as https://www.example.com")
    if scheme in _APP_SCHEMES:
        if _LABEL.fullmatch(authority) is None:
            raise InvalidWebAddress("must name a host that consists of letters and digits")
        return f"{scheme}://{authority}"
    return f"{scheme}://{_normal_authority(authority, _default_port(scheme))}"


def normal_base_url(text: str) -> str:
    """An http or https URL without query and fragment, in normal form, without a final slash.

    Raises:
        InvalidWebAddress: `text` is not such a URL.
    """
    scheme, authority, path, rest = _parts(text)
    if rest:
        raise InvalidWebAddress("must have no query and no fragment")
    if _PATH.fullmatch(path) is None:
        raise InvalidWebAddress("has a character in its path that must be percent-encoded")
    host = _normal_authority(authority, _default_port(scheme))
    return f"{scheme}://{host}{path.rstrip('/')}"


def normal_cluster_host(text: str) -> str:
    """A cluster host, `host` or `host:port`, in lower case and without the port of https.

    Raises:
        InvalidWebAddress: `text` is not a host with at least two labels.
    """
    found = _normal_authority(text, _DEFAULT_PORTS["https"])
    host = found.partition(":")[0]
    if "." not in host.rstrip(".") or host.startswith("[") or host.endswith("."):
        raise InvalidWebAddress("must be a host of a domain, such as puc.example.com")
    return found


def allows_origin(origins: tuple[str, ...], web_origin: str | None) -> bool:
    """Whether a list of origins contains the origin that a browser sent.

    Args:
        origins: In any form: earlier versions stored what they were given. Empty: all origins.
        web_origin: The field `Origin` of a request. None: it has none.
    """
    return not origins or web_origin in (*origins, *map(_normal_or_same, origins))


def _normal_or_same(text: str) -> str:
    try:
        return normal_origin(text)
    except InvalidWebAddress:
        return text


def _parts(text: str) -> tuple[str, str, str, str]:
    """Scheme, authority, path, and query with fragment."""
    if len(text) > 2048 or not text.isprintable() or " " in text:
        raise InvalidWebAddress("must have no blanks or control characters")
    found = _URL.fullmatch(text)
    if found is None:
        raise InvalidWebAddress("must begin with https:// or http://")
    scheme, authority, path, rest = found.groups()
    if "@" in authority:
        raise InvalidWebAddress("must have no user and no password")
    return scheme.lower(), authority, path, rest


def _default_port(scheme: str) -> str:
    if scheme not in _DEFAULT_PORTS:
        raise InvalidWebAddress("must begin with https:// or http://")
    return _DEFAULT_PORTS[scheme]


def _normal_authority(text: str, default_port: str) -> str:
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise InvalidWebAddress("must have a host, and after a colon a port")
    host, port = _normal_host(found[1]), found[2] or default_port
    if not 0 < int(port) <= _MAX_PORT:
        raise InvalidWebAddress(f"must have a port from 1 to {_MAX_PORT}")
    port = str(int(port))
    return host if port == default_port else f"{host}:{port}"


def _normal_host(host: str) -> str:
    if host.startswith("["):
        try:
            return f"[{IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            raise InvalidWebAddress("has an invalid IPv6 address") from None
    if not host.isascii():
        raise InvalidWebAddress("must have its host in ASCII, as browsers send it (xn--…)")
    if "*" in host:
        raise InvalidWebAddress("must name each host: there are no patterns with an asterisk")
    labels = host.removesuffix(".").split(".")
    if len(host) > _MAX_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidWebAddress("must have a host, such as www.example.com")
    if _NUMBER.fullmatch(labels[-1]):  # browsers then read an IPv4 address, in any form
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise InvalidWebAddress("has an invalid IPv4 address") from None
    return host.lower()
