"""The server that a client uses, and its credentials."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from satmint_sdk._secrets import HiddenMapping, Secret, SecretText
from satmint_sdk._version import __version__
from satmint_sdk.rest._connection import Certificate, Connection, connection_of
from satmint_sdk.rest._options import RequestOptions

if TYPE_CHECKING:
    import ssl

    import httpx

USER_AGENT: Final = f"satmint-sdk-python/{__version__}"

ENVIRONMENT: Final[Mapping[str, str]] = HiddenMapping(os.environ)

_APPLICATION: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?")
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
        connection: How connections are made.
        user_agent: The `User-Agent`.
        idempotency_keys: Whether POSTs that may be retried have an `Idempotency-Key`.
    """

    base_url: str
    loopback: bool
    alias: str | None = None
    ca_file: str | None = None
    authorization: SecretText | None = None
    options: RequestOptions | None = None
    connection: Connection = field(default_factory=Connection)
    user_agent: str = USER_AGENT
    idempotency_keys: bool = True

    @property
    def in_clear(self) -> bool:
        """Whether it is spoken to over http."""
        return self.base_url.startswith("http:")


def parse_endpoint(
    host: str,
    *,
    authorization: SecretText | None = None,
    options: RequestOptions | None = None,
    environ: Mapping[str, str] = ENVIRONMENT,
    verify: ssl.SSLContext | str | os.PathLike[str] | bool = True,
    certificate: Secret[Certificate] | None = None,
    proxy: SecretText | None = None,
    limits: httpx.Limits | None = None,
    user_agent: str = USER_AGENT,
    idempotency_keys: bool = True,
) -> Endpoint:
    """Make an endpoint from a host, with or without port.

    Raises:
        ValueError: `host` is not a host (a URL, for example), or an argument or variable for its
            connections is wrong.
    """
    if host == "::1":
        host = "[::1]"
    match = _HOST.fullmatch(host)
    if match is None or int(match[2] or 0) > 65535:
        raise ValueError("host must be a host name, with or without a port, not a URL")
    in_clear = match[1].lower() in _LOOPBACK
    alias = match[1] if match[1].lower().endswith(".localhost") else None
    loopback = in_clear or alias is not None
    ca_file = environ.get("SIGNALWIRE_REST_CA_FILE") or None
    if ca_file is not None and not Path(ca_file).is_file():
        raise ValueError("SIGNALWIRE_REST_CA_FILE does not name a file")
    return Endpoint(
        base_url=f"{'http' if in_clear else 'https'}://{host}",
        loopback=loopback,
        alias=alias,
        ca_file=ca_file,
        authorization=authorization,
        options=options,
        connection=connection_of(
            host,
            environ,
            in_clear=in_clear,
            loopback=loopback,
            verify=verify,
            certificate=certificate,
            proxy=proxy,
            limits=limits,
        ),
        user_agent=user_agent,
        idempotency_keys=idempotency_keys,
    )


def user_agent_of(application: str | None) -> str:
    """The `User-Agent` with the application's part, such as `billing/2.1`.

    Raises:
        ValueError: `application` is not a name, or a name and a version (RFC 9110, section 10.1.5).
    """
    if application is None:
        return USER_AGENT
    if not _APPLICATION.fullmatch(application):
        raise ValueError("application must be a name, or name/version, without blanks")
    return f"{USER_AGENT} {application}"


def refuse_blanks(name: str, text: str | SecretText) -> None:
    """Refuse a text with blanks or control characters, such as a newline at its end.

    A file or a command that it was read from has added it. A server could only answer that it does
    not know the token, and some servers and proxies take the rest of a header for another one.

    Raises:
        TypeError: It is no text.
        ValueError: `text` has one. The message names `name` and contains nothing of `text`.
    """
    given = text if isinstance(text, SecretText) else SecretText(text)
    del text
    if not isinstance(given.reveal(), str):
        raise TypeError(f"{name} must be a string")
    if _has_blanks(given.reveal()):
        if not _has_blanks(given.reveal().strip()):
            raise ValueError(f"{name} has a newline or blanks around it: strip it")
        raise ValueError(f"{name} must not contain blanks or control characters")


def _has_blanks(text: str) -> bool:
    return not text.isprintable() or " " in text


def client_endpoint(
    project: str | None,
    token: SecretText | None,
    host: str | None,
    options: RequestOptions | None,
    environ: Mapping[str, str] = ENVIRONMENT,
    *,
    verify: ssl.SSLContext | str | os.PathLike[str] | bool = True,
    certificate: Secret[Certificate] | None = None,
    proxy: SecretText | None = None,
    limits: httpx.Limits | None = None,
    application: str | None = None,
    idempotency_keys: bool = True,
) -> Endpoint:
    """Complete the arguments of a client from the environment.

    Raises:
        TypeError: An argument is not a string.
        ValueError: Something is missing in both, or has blanks or control characters; the text
            names what, and contains nothing of it.
    """
    if options is not None and options.idempotency_key is not None:
        raise ValueError("idempotency_key is for one call: give it in the options of that call")
    found: dict[str, SecretText] = {}
    missing: list[str] = []
    for argument, variable, given in (
        ("project", "SIGNALWIRE_PROJECT_ID", _hidden(project)),
        ("token", "SIGNALWIRE_API_TOKEN", token),
        ("host", "SIGNALWIRE_SPACE", _hidden(host)),
    ):
        chosen = given if given is not None and given.reveal() else _hidden(environ.get(variable))
        if chosen is None or not chosen.reveal():
            missing.append(f"{argument} (or {variable})")
            continue
        refuse_blanks(argument if chosen is given else variable, chosen)
        found[argument] = chosen
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    if ":" in found["project"].reveal():
        raise ValueError("project must not contain a colon")  # RFC 7617, section 2
    return parse_endpoint(
        found["host"].reveal(),
        authorization=_basic(found["project"], found["token"]),
        options=options,
        environ=environ,
        verify=verify,
        certificate=certificate,
        proxy=proxy,
        limits=limits,
        user_agent=user_agent_of(application),
        idempotency_keys=idempotency_keys,
    )


def _hidden(text: str | None) -> SecretText | None:
    return None if text is None else SecretText(text)


def _basic(project: SecretText, token: SecretText) -> SecretText:
    """The header of RFC 7617."""
    pair = b64encode(f"{project.reveal()}:{token.reveal()}".encode())
    return SecretText(f"Basic {pair.decode()}")
