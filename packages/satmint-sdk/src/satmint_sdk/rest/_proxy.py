"""Which proxy leads to a server: the given one, or that of the environment."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from satmint_sdk._secrets import HiddenMapping, SecretText

_SCHEMES: Final = ("http", "https", "socks5", "socks5h")


def given_proxy(url: str, named: str) -> SecretText:
    """Check the URL of a proxy, which may contain a password.

    Args:
        url: The URL; without a scheme, `http://` is meant.
        named: What it is called in errors, such as `HTTPS_PROXY`.

    Raises:
        ValueError: It is not the URL of a proxy, or a package for it is missing. The text contains
            nothing of its user and password.
    """
    whole = SecretText(url if "://" in url else f"http://{url}")
    scheme, has_host = _look_at(whole)
    del url
    if scheme not in _SCHEMES:
        raise ValueError(
            f"{named} has a proxy of the unknown scheme {scheme!r}:"
            " use http, https, socks5 or socks5h"
        )
    if not has_host:
        raise ValueError(f"{named} is not the URL of a proxy: write http://host:port")
    if scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ValueError(f"{named} has a SOCKS proxy: pip install 'httpx[socks]'")
    return whole


def _look_at(url: SecretText) -> tuple[str, bool]:
    """Scheme, and whether there is a host with a valid port."""
    scheme = url.reveal().partition("://")[0].lower()
    try:
        parts = urlsplit(url.reveal())
        return scheme, bool(parts.hostname) and parts.port != 0
    except ValueError:
        return scheme, False


def environment_proxy(authority: str, environ: Mapping[str, str]) -> SecretText | None:
    """The proxy that the environment, or the system, names for https.

    `https_proxy` is looked at, then `all_proxy`, each in lower case and then in upper case;
    `no_proxy` lists names, with their subdomains, that are reached without.

    Args:
        authority: The server's host, with or without port.
        environ: The variables.

    Raises:
        ValueError: see `given_proxy`; names the variable.
    """
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        if environ.get(name):
            excepted = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
            if _is_excepted(authority.lower(), excepted.lower()):
                return None
            return given_proxy(environ[name], name)
    return _system_proxy(authority) if sys.platform in ("darwin", "win32") else None


def _is_excepted(authority: str, excepted: str) -> bool:
    host = authority.rpartition(":")[0] if authority.rpartition(":")[2].isdecimal() else authority
    for entry in excepted.split(","):
        name = entry.strip().lstrip(".")
        if name == "*" or (name and name in (host, authority)):
            return True
        if name and (host.endswith(f".{name}") or authority.endswith(f".{name}")):
            return True
    return False


def _system_proxy(authority: str) -> SecretText | None:
    """The proxy of the system's settings, as the standard library reads them."""
    from urllib.request import getproxies, proxy_bypass

    proxies = HiddenMapping(getproxies())
    if not proxies.get("https") or proxy_bypass(authority):
        return None
    return given_proxy(proxies["https"], "the system's setting")
