"""The way out: HTTP to wherever a project says, but not into the network that the server stands in.

A webhook's URL comes from a customer. Without this, it could be `https://10.0.0.7/` or the cloud's
metadata service, and the server would knock there on the customer's behalf (OWASP: server-side
request forgery). So addresses are looked at after the name has been resolved, and the connection
goes to the very address that was looked at; redirects are not followed.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import httpcore

_CONNECTIONS: Final = 20
_IDLE_SECONDS: Final = 30.0
_RESOLVERS: Final = _CONNECTIONS
"""Threads: a name whose server never answers holds one for longer than anybody waits for it."""
_ADDRESSES: Final = 4
"""Of one name, that are tried."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""What a translator makes an IPv4 address of: `64:ff9b::a00:7` is 10.0.0.7 (RFC 6052)."""
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All that was ever given to hosts of the Internet (RFC 4291, section 2.4). What is outside is
translated (`64:ff9b:1::/48`), routed (`5f00::/16`), obsolete (`::/96`, `fec0::/10`) or unknown."""
_NO_HOSTS: Final = tuple(
    map(
        ip_network,
        (
            "2002::/16",  # IPv4 addresses once more (6to4, RFC 3056)
            "3fff::/20",  # documentation (RFC 9637)
            "192.0.0.0/24",  # protocols (RFC 6890), and a cloud's metadata service
            "192.88.99.0/24",  # 6to4 relays (RFC 7526)
            "168.63.129.16/32",  # what a cloud's machines are told their settings by
        ),
    )
)
"""What `ipaddress` takes, or once took, for public."""


class NotPublic(httpcore.ConnectError):
    """The name leads to an address that is not public."""


class _PublicOnly(httpcore.AsyncNetworkBackend):
    """Opens connections to public addresses only."""

    def __init__(self) -> None:
        self._inner: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()
        # Threads of their own: a customer whose name server is slow holds up nobody else's work.
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, "satmint-resolver")
        self._asked: dict[tuple[str, int], asyncio.Future[list[Any]]] = {}
        """Look-ups under way. Whoever wants the same name waits for the same one."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._addresses_of(host, port, timeout)
        if not all(map(is_public, addresses)):
            # One private address among public ones is how a rebinding attack looks.
            raise NotPublic("the name leads to an address that is not public")
        tried = addresses[:_ADDRESSES]
        for place, address in enumerate(tried, 1):
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                # A name with an IPv6 address, on a machine that reaches IPv4 only.
                if place == len(tried):
                    raise
        raise AssertionError("unreachable")

    async def _addresses_of(self, host: str, port: int, seconds: float | None) -> list[str]:
        """All addresses of a name, at least one.

        Raises:
            httpcore.ConnectError: there are none.
            httpcore.ConnectTimeout: nobody said so in time.
        """
        key = host, port
        if key not in self._asked:
            resolve = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            asked = asyncio.get_running_loop().run_in_executor(self._resolvers, resolve)
            self._asked[key] = asked

            def answered(found: asyncio.Future[list[Any]]) -> None:
                del self._asked[key]
                found.cancelled() or found.exception()  # nobody may wait for it any more

            asked.add_done_callback(answered)
        try:
            found = await asyncio.wait_for(asyncio.shield(self._asked[key]), seconds)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        except OSError as error:
            raise httpcore.ConnectError("the name does not resolve") from error
        return [str(entry[4][0]) for entry in found]

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def open_network(*, private: bool) -> httpcore.AsyncConnectionPool:
    """A pool of connections for deliveries.

    Args:
        private: Whether private addresses may be reached, too.
    """
    return httpcore.AsyncConnectionPool(
        ssl_context=ssl.create_default_context(),
        max_connections=_CONNECTIONS,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=None if private else _PublicOnly(),
    )


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet, whichever way it is written.

    An IPv6 address may stand for an IPv4 one, to which the network on the way translates it.
    """
    known = ip_address(address.partition("%")[0])
    if isinstance(known, IPv6Address):
        if known.ipv4_mapped is not None or known in _NAT64:
            known = IPv4Address(known.packed[-4:])
        elif known not in _GLOBAL_UNICAST:
            return False
    if any(known in network for network in _NO_HOSTS):
        return False
    return known.is_global and not known.is_multicast
