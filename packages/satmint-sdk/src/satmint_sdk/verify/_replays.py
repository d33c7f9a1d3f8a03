"""Proofs that were used."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Awaitable
from typing import Final, Protocol

from satmint_sdk._ambient import Clock
from satmint_sdk._forks import renew_in_children
from satmint_sdk.verify._proofs import Proof

MAX_PROOFS: Final = 500_000
_SLICES: Final = 8
_DIGEST_BYTES: Final = 16


class ReplaysFull(Exception):
    """So many proofs are remembered that no other one can be."""


class UsedProofs(Protocol):
    """Remembers which proofs were used, for several processes: one in Redis or a database."""

    def use(self, proof: str, seconds: int) -> bool | Awaitable[bool]:
        """Take note of a proof; atomic among all that share the store.

        Args:
            proof: What identifies it: 43 characters of base64url. No secret.
            seconds: How long to remember it.

        Returns:
            Whether it is new. Only `AsyncVerifier` takes an awaitable.
        """
        ...


class MemoryUsedProofs:
    """Remembers the proofs that this process has seen: at most 500,000, in about 50 MB.

    They are forgotten by slices of time, each as a whole.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._slices: dict[int, set[bytes]] = {}
        renew_in_children(self)

    def renew_after_fork(self) -> None:
        """Begin with what the parent has seen. Another thread may hold its lock."""
        self._lock = threading.Lock()

    def use(self, proof: str, seconds: int) -> bool:
        """See `UsedProofs.use`.

        Raises:
            ReplaysFull: There are too many. None is forgotten early: it could be used again.
        """
        digest = hashlib.sha256(proof.encode()).digest()[:_DIGEST_BYTES]
        now = self._clock.now().mono
        width = max(seconds // _SLICES, 1)
        with self._lock:
            for ended in [end for end in self._slices if end * width <= now]:
                del self._slices[ended]
            if any(digest in one for one in self._slices.values()):
                return False
            if sum(map(len, self._slices.values())) >= MAX_PROOFS:
                raise ReplaysFull
            self._slices.setdefault(int((now + seconds) // width) + 1, set()).add(digest)
            return True


def name_of(proof: Proof) -> str:
    """What identifies a proof: an id is unique for its key."""
    from satmint_sdk.verify import _base64url

    named = f"{proof.jkt} {proof.jti}".encode()
    return _base64url.encode(hashlib.sha256(named).digest())
