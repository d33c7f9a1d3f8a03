"""Randomness is an argument: code that needs it takes an `Entropy`."""

import os
from typing import Protocol
from uuid import UUID


class Entropy(Protocol):
    """A source of unpredictable bytes."""

    def take(self, count: int) -> bytes:
        """`count` fresh random bytes."""
        ...


class SystemEntropy:
    """The operating system's generator, suitable for keys and IVs."""

    def take(self, count: int) -> bytes:
        """`count` bytes from the kernel."""
        return os.urandom(count)  # noqa: TID251 - the one place


def random_uuid(entropy: Entropy) -> UUID:
    """A version 4 UUID (RFC 9562, section 5.4): 122 random bits."""
    return UUID(bytes=entropy.take(16), version=4)
