"""Resolves host names in threads of their own, so that a slow resolver keeps nobody too long.

`getaddrinfo` takes no time limit and cannot be interrupted. The threads are daemons: neither the
end of an event loop nor that of the program waits for them. Callers that ask for the same name at
the same time share one thread.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from concurrent.futures import Future
from typing import Final

from satmint_sdk._forks import renew_in_children

Lookup = Future[list[str]]


class Resolver:
    """The lookups in progress of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lookups: dict[tuple[str, int], Lookup] = {}
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """Forget the parent's lookups: their threads do not exist in the child."""
        self._lock = threading.Lock()
        self._lookups = {}

    def look_up(self, host: str, port: int) -> Lookup:
        """Start to resolve a name, or join a lookup of it.

        Returns:
            A future of its addresses, in the order of the system's preference; it fails with the
            `OSError` or `UnicodeError` of `getaddrinfo`.
        """
        if _is_address(host):
            known: Lookup = Future()
            known.set_result([host])
            return known
        key = (host, port)
        with self._lock:
            lookup = self._lookups.get(key)
            if lookup is not None:
                return lookup
            lookup = self._lookups[key] = Future()
            lookup.set_running_or_notify_cancel()  # a caller that stops waiting cannot cancel it
        thread = threading.Thread(
            target=self._resolve, args=(key, lookup), name="satmint-resolver", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # there are no more threads, or the program ends and has no new ones
            self._resolve(key, lookup)
        return lookup

    def _resolve(self, key: tuple[str, int], lookup: Lookup) -> None:
        found: list[str] | Exception
        try:
            entries = socket.getaddrinfo(*key, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except (OSError, UnicodeError) as failed:
            found = failed
        with self._lock:
            self._lookups.pop(key, None)
        if isinstance(found, Exception):
            lookup.set_exception(found)
        else:
            lookup.set_result(found)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


RESOLVER: Final = Resolver()
