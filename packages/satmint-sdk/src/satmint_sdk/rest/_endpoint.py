"""The server that a client uses, and its credentials."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from satmint_sdk._secrets import SecretText
from satmint_sdk._version import __version__
from satmint_sdk.rest._options import RequestOptions

USER_AGENT: Final = f"satmint-sdk-python/{__version__}"

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server, and how to reach it.

    Attributes:
        base_url: Scheme and authority, no trailing slash.
        loopback: Whether it is this machine, which must not be reached through a proxy.
        alias: Its name if it is one of `*.localhost`, which are names of this machine (RFC 6761,
            section 6.3) although not every resolver resolves them.
        ca_file: A PEM bundle to trust instead of the public roots.
        authorization: The header for calls without a token of their own; `None` sends none.
        options: Options of the client.
    """

    base_url: str
    loopback: bool
    alias: str | None = None
    ca_file: str | None = None
    authorization: SecretText | None = None
    options: RequestOptions | None = None


def parse_endpoint(
    host: str,
    *,
    authorization: SecretText | None = None,
    options: RequestOptions | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Endpoint:
    """Make an endpoint from a host, with or without port.

    Raises:
        ValueError: `host` is not a host (a URL, for example), or `SIGNALWIRE_REST_CA_FILE` does not
            name a file.
    """
    if host == "::1":
        host = "[::1]"
    match = _HOST.fullmatch(host)
    if match is None or int(match[2] or 0) > 65535:
        raise ValueError("host must be a host name, with or without a port, not a URL")
    in_clear = match[1].lower() in _LOOPBACK
    alias = match[1] if match[1].lower().endswith(".localhost") else None
    ca_file = environ.get("SIGNALWIRE_REST_CA_FILE") or None
    if ca_file is not None and not Path(ca_file).is_file():
        raise ValueError("SIGNALWIRE_REST_CA_FILE does not name a file")
    return Endpoint(
        base_url=f"{'http' if in_clear else 'https'}://{host}",
        loopback=in_clear or alias is not None,
        alias=alias,
        ca_file=ca_file,
        authorization=authorization,
        options=options,
    )


def refuse_blanks(name: str, text: str) -> None:
    """Refuse a text with blanks or control characters, such as a newline at its end.

    A file or a command that it was read from has added it. A server could only answer that it does
    not know the token, and some servers and proxies take the rest of a header for another one.

    Raises:
        ValueError: `text` has one. The message names `name` and contains nothing of `text`.
    """
    if text.isprintable() and " " not in text:
        return
    inner = text.strip()
    if inner.isprintable() and " " not in inner:
        raise ValueError(f"{name} has a newline or blanks around it: strip it")
    raise ValueError(f"{name} must not contain blanks or control characters")


def client_endpoint(
    project: str | None,
    token: str | None,
    host: str | None,
    options: RequestOptions | None,
    environ: Mapping[str, str] = os.environ,
) -> Endpoint:
    """Complete the arguments of a client from the environment.

    Raises:
        ValueError: Something is missing in both, or has blanks or control characters; the text
            names what, and contains nothing of it.
    """
    for argument, variable, given in (
        ("project", "SIGNALWIRE_PROJECT_ID", project),
        ("token", "SIGNALWIRE_API_TOKEN", token),
        ("host", "SIGNALWIRE_SPACE", host),
    ):
        refuse_blanks(argument if given else variable, given or environ.get(variable) or "")
    project = project or environ.get("SIGNALWIRE_PROJECT_ID") or ""
    token = token or environ.get("SIGNALWIRE_API_TOKEN") or ""
    host = host or environ.get("SIGNALWIRE_SPACE") or ""
    missing = [
        f"{argument} (or {variable})"
        for argument, variable, value in (
            ("project", "SIGNALWIRE_PROJECT_ID", project),
            ("token", "SIGNALWIRE_API_TOKEN", token),
            ("host", "SIGNALWIRE_SPACE", host),
        )
        if not value
    ]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    if ":" in project:
        raise ValueError("project must not contain a colon")  # RFC 7617, section 2
    basic = b64encode(f"{project}:{token}".encode()).decode()
    authorization = SecretText(f"Basic {basic}")
    return parse_endpoint(host, authorization=authorization, options=options, environ=environ)
