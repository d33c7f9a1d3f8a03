"""A crowd of connections that hold a server's descriptors, from addresses of this machine."""

import select
import threading
import time
from collections.abc import Sequence
from typing import Final, Self

from tests.kit.flood_connection import Behaviour, CrowdMember, Target

CROWD_SIZE: Final = 320

_TICK_SECONDS: Final = 0.05
_READY_SECONDS: Final = 10
_JOIN_SECONDS: Final = 10
_LONGEST_SECONDS: Final = 300
"""A crowd ends by itself after this time."""


class Crowd:
    """Connections that a thread keeps open while the context lasts."""

    def __init__(
        self,
        target: Target,
        behaviours: Sequence[Behaviour],
        sources: Sequence[str] = ("127.0.0.1",),
        size: int = CROWD_SIZE,
    ) -> None:
        self._members = [
            CrowdMember(
                behaviours[number % len(behaviours)],
                # Every kind comes from every address.
                sources[number // len(behaviours) % len(sources)],
                target,
            )
            for number in range(size)
        ]
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crowd", daemon=True)
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(_READY_SECONDS)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join(_JOIN_SECONDS)
        assert not self._thread.is_alive()
        assert self._error is None, repr(self._error)

    @property
    def opened(self) -> int:
        """How many connections were made so far."""
        return sum(member.opened for member in self._members)

    @property
    def ended(self) -> int:
        """How many of them the server ended or refused."""
        return sum(member.ended for member in self._members)

    @property
    def held(self) -> int:
        """How many are open now, as far as this side knows."""
        return sum(member.is_open for member in self._members)

    def _run(self) -> None:
        try:
            with select.epoll() as epoll:
                self._hold(epoll)
        except Exception as error:  # noqa: BLE001 - raised where the context ends
            self._error = error
        finally:
            for member in self._members:
                member.close()
            self._ready.set()

    def _hold(self, epoll: select.epoll) -> None:
        by_descriptor: dict[int, CrowdMember] = {}
        end = time.monotonic() + _LONGEST_SECONDS
        while not self._stopping.is_set() and (now := time.monotonic()) < end:
            for member in self._members:
                if member.due <= now:
                    descriptor = member.act(epoll, now)
                    if descriptor is not None:
                        by_descriptor[descriptor] = member
            for descriptor, events in epoll.poll(_TICK_SECONDS):
                by_descriptor[descriptor].react(events, epoll, now)
            if not self._ready.is_set() and all(
                member.opened or member.ended for member in self._members
            ):
                self._ready.set()
