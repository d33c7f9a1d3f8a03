"""Outgoing HTTP to customers' URLs, with protection against server-side request forgery (OWASP).

A webhook's URL comes from a customer. Without protection it could be `https://10.0.0.7/` or the
cloud's metadata service, and the server would send requests there on the customer's behalf. So
addresses are checked after the name is resolved, and the connection uses exactly the checked
address; redirects are not followed.
"""

import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import httpcore

from satmint.webhooks.resolver import Resolver

_ADDRESSES: Final = 4
"""Addresses of one name that are tried."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""NAT64 translates this prefix to IPv4: `64:ff9b::a00:7` is 10.0.0.7 (RFC 6052)."""
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All addresses ever assigned to Internet hosts (RFC 4291, section 2.4). Others are translated
(`64:ff9b:1::/48`), routed (`5f00::/16`), obsolete (`::/96`, `fec0::/10`) or unassigned."""
_NOT_PUBLIC_NETWORKS: Final = tuple(
    map(
        ip_network,
        (
            "2002::/16",  # embedded IPv4 addresses (6to4, RFC 3056)
            "3fff::/20",  # documentation (RFC 9637)
            "192.0.0.0/24",  # protocols (RFC 6890), and a cloud's metadata service
            "192.88.99.0/24",  # 6to4 relays (RFC 7526)
            "168.63.129.16/32",  # a cloud's configuration service
        ),
    )
)
"""Networks that some version of `ipaddress` reports as public by mistake."""


_OPENED: Final[ContextVar[list[httpcore.AsyncNetworkStream] | None]] = ContextVar(
    "_OPENED", default=None
)


class NotPublic(httpcore.ConnectError):
    """The name resolves to an address that is not public."""


class NameNotResolved(httpcore.ConnectError):
    """The name does not resolve. Raised only where private addresses are allowed."""


class ConnectionWasRefused(httpcore.ConnectError):
    """No program listens there. Raised only where private addresses are allowed."""


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Resolves each name once, checks its addresses and connects to one of them."""

    def __init__(self, *, private: bool = False) -> None:
        """Prepare to connect.

        Args:
            private: Whether private addresses are allowed.
        """
        self._inner: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()
        self._resolver = Resolver()
        self._private = private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See `httpcore.AsyncNetworkBackend`.

        Raises:
            NotPublic: the name resolves to a private address.
            httpcore.ConnectError: there is no connection to any address.
            httpcore.ConnectTimeout: the same, after `timeout` seconds for one of them.
        """
        addresses = await self._addresses_of(host, port, timeout)
        if not self._private and not all(map(is_public, addresses)):
            # One private address among public ones indicates a DNS rebinding attack.
            raise NotPublic("the name resolves to an address that is not public")
        candidates = addresses[:_ADDRESSES]
        for number, address in enumerate(candidates, 1):
            try:
                stream = await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                # For example an IPv6 address on a machine that has IPv4 only.
                if number == len(candidates):
                    if self._private and has_cause(error, ConnectionRefusedError):
                        raise ConnectionWasRefused("the connection was refused") from error
                    raise
            else:
                opened = _OPENED.get()
                if opened is not None:
                    opened.append(stream)
                return stream
        raise AssertionError("unreachable")

    async def _addresses_of(self, host: str, port: int, seconds: float | None) -> list[str]:
        """All addresses of a name, at least one.

        Raises:
            httpcore.ConnectError: the name does not resolve.
            httpcore.ConnectTimeout: the name was not resolved in time.
        """
        try:
            return await self._resolver.addresses_of(host, port, seconds)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        except OSError as error:
            if self._private:
                raise NameNotResolved("the name does not resolve") from error
            raise httpcore.ConnectError("the name does not resolve") from error

    async def sleep(self, seconds: float) -> None:
        """See `httpcore.AsyncNetworkBackend`."""
        await self._inner.sleep(seconds)


def has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Whether an error, or one of its causes, is of a kind."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


@asynccontextmanager
async def closing_connections() -> AsyncIterator[None]:
    """Close all connections that the current task opens in this context.

    httpcore leaves a connection open if it is cancelled during the TLS handshake, so that endpoints
    that never finish theirs would use up the process's file descriptors.
    """
    opened: list[httpcore.AsyncNetworkStream] = []
    token = _OPENED.set(opened)
    try:
        yield
    finally:
        _OPENED.reset(token)
        for stream in opened:
            await stream.aclose()


def open_network(*, private: bool) -> httpcore.AsyncConnectionPool:
    """A connection pool for deliveries, without a limit: the dispatcher has several.

    Args:
        private: Whether private addresses are allowed.
    """
    return httpcore.AsyncConnectionPool(
        ssl_context=ssl.create_default_context(),
        max_connections=None,
        max_keepalive_connections=0,
        network_backend=CheckedBackend(private=private),
    )


def is_public(address: str) -> bool:
    """Whether an IP address is public, in any notation.

    An IPv6 address may embed an IPv4 address, to which the network translates it.
    """
    known = ip_address(address.partition("%")[0])
    if isinstance(known, IPv6Address):
        if known.ipv4_mapped is not None or known in _NAT64:
            known = IPv4Address(known.packed[-4:])
        elif known not in _GLOBAL_UNICAST:
            return False
    if any(known in network for network in _NOT_PUBLIC_NETWORKS):
        return False
    return known.is_global and not known.is_multicast
