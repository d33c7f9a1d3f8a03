"""URL normalisation (RFC 3986, sections 6.2.2 and 6.2.3), without query and fragment."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_CACHE_SIZE: Final = 1024
"""Services have few endpoints; ids in paths make more."""
_MAX_CACHED_CHARS: Final = 512
"""Longer ones are not cached: clients could fill the memory with them."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

_PATH: Final = r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
_QUERY_AND_FRAGMENT: Final = (
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
    r"(?:#(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)
# No user: RFC 9110, section 4.2.4. No percent signs in a host: no server's name has them.
_AUTHORITY: Final = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=-]+)(?::([0-9]{0,5}))?"
_ABSOLUTE: Final = re.compile(
    rf"([Hh][Tt]{{2}}[Pp][Ss]?)://{_AUTHORITY}({_PATH})?{_QUERY_AND_FRAGMENT}"
)
_ENCODED: Final = re.compile(r"%([0-9A-Fa-f]{2})")


def normal_url(url: str) -> str | None:
    """An absolute http or https URL in normal form; None if it is not one."""
    return _normal_url(url) if len(url) > _MAX_CACHED_CHARS else _cached(url)


def _normal_url(url: str) -> str | None:
    found = _ABSOLUTE.fullmatch(url)
    if found is None:
        return None
    scheme, host, port, path = found.groups()
    scheme = scheme.lower()
    number = int(port) if port else _DEFAULT_PORTS[scheme]
    port_suffix = "" if number == _DEFAULT_PORTS[scheme] else f":{number}"
    return f"{scheme}://{host.lower()}{port_suffix}{_normal(path or '/')}"


_cached: Final = lru_cache(_CACHE_SIZE)(_normal_url)


def _normal(path: str) -> str:
    # In this order: a dot may have been percent-encoded.
    return _without_dots(_ENCODED.sub(_decoded, path))


def _decoded(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()


def _without_dots(path: str) -> str:
    """Remove `.` and `..` segments (RFC 3986, section 5.2.4)."""
    _, *segments = path.split("/")
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
