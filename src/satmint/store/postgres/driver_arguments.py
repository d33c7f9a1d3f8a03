"""Opens a connection with the parameters of a URL, which the driver does not all know."""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote, urlencode

import asyncpg
from asyncpg.exceptions import TargetServerAttributeNotMatched

from satmint.model.database_url import DatabaseUrl

_ONLY_IN_DSN: Final = (
    *("sslnegotiation", "sslcert", "sslkey", "sslrootcert", "sslcrl"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
)
"""Parameters that the driver reads from a URL only."""
_AS_ARGUMENTS: Final = ("passfile", "service", "krbsrvname", "gsslib")
_MIN_HOST_SECONDS: Final = 1.0
_MAX_HOST_SECONDS: Final = 3600.0

_SOCKET_OPTIONS: Final = {
    "keepalives_idle": "TCP_KEEPIDLE",
    "keepalives_interval": "TCP_KEEPINTVL",
    "keepalives_count": "TCP_KEEPCNT",
    "tcp_user_timeout": "TCP_USER_TIMEOUT",
}
"""Options of TCP sockets, which not every system has. Zero is the default of the system."""


async def connect_first(
    url: DatabaseUrl, seconds: float, server_settings: Mapping[str, str], **more: object
) -> Any:  # noqa: ANN401 - the driver has no types
    """Connect to the first host of the URL that answers and is suitable.

    Args:
        url: The database.
        seconds: The time for all hosts together; `connect_timeout` of the URL is for each.
        server_settings: Run-time parameters, unless the URL has its own.
        more: Other arguments of `asyncpg.connect`.

    Raises:
        ValueError: the driver refuses the URL.
        Exception: the error of the last host, or that its server is a replica.
    """
    arguments = _arguments(url)
    settings = {**server_settings, **arguments.pop("server_settings")}
    hosts = url.hosts or (None,)
    limit = min(float(url.parameters.get("connect_timeout", "0")), _MAX_HOST_SECONDS)
    limit = limit or max(seconds / len(hosts), min(seconds, _MIN_HOST_SECONDS))
    replica: Exception | None = None
    for number, host in enumerate(hosts, start=1):
        if host is not None:
            arguments |= {"host": host[0], "port": host[1]}
        try:
            connection = await asyncpg.connect(
                **arguments, **more, server_settings=settings, timeout=limit
            )
        except TargetServerAttributeNotMatched as error:
            replica = error
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.InterfaceError) as error:
            if isinstance(error, ValueError):
                raise
            if number == len(hosts) and replica is None:
                raise
        else:
            _set_socket_options(connection, url.parameters)
            return connection
    raise replica or ConnectionError


def _arguments(url: DatabaseUrl) -> dict[str, Any]:
    """The arguments of `asyncpg.connect`, without hosts."""
    parameters = url.parameters
    in_dsn = {name: parameters[name] for name in _ONLY_IN_DSN if name in parameters}
    if "sslpassword" in url.secrets:
        in_dsn["sslpassword"] = url.secrets["sslpassword"]
    ssl = parameters.get("sslmode", "require" if parameters.get("ssl") == "true" else None)
    name = parameters.get("application_name") or parameters.get("fallback_application_name")
    settings = {} if name is None else {"application_name": name}
    if "options" in parameters:
        settings["options"] = parameters["options"]
    return {
        "dsn": f"postgresql://?{urlencode(in_dsn, quote_via=quote)}" if in_dsn else None,
        "user": url.user,
        "password": url.secrets.get("password"),
        "database": url.database,
        "ssl": ssl,
        "server_settings": settings,
        **{name: parameters[name] for name in _AS_ARGUMENTS if name in parameters},
    }


def _set_socket_options(connection: Any, parameters: Mapping[str, str]) -> None:  # noqa: ANN401
    """Set what libpq sets. TCP keepalive is on, unless the URL turns it off."""
    transport: asyncio.BaseTransport = connection._transport  # noqa: SLF001 - no other way
    handle = transport.get_extra_info("socket")
    if handle is None or handle.family not in (socket.AF_INET, socket.AF_INET6):
        return
    # The options belong to the connection; the copy of the descriptor is only for setting them.
    with socket.socket(fileno=os.dup(handle.fileno())) as copy:
        is_on = parameters.get("keepalives") != "0"
        copy.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, is_on)
        for name, option_name in _SOCKET_OPTIONS.items():
            value, option = int(parameters.get(name, "0")), getattr(socket, option_name, None)
            if value and option is not None and (is_on or name == "tcp_user_timeout"):
                with suppress(OSError):  # beyond the maximum of the system
                    copy.setsockopt(socket.IPPROTO_TCP, option, min(value, 2**31 - 1))
