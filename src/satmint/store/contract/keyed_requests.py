"""The store's contract for requests with an idempotency key.

Each method that makes something takes the request as `keyed`. It is stored in the transaction that
makes the resource: both or neither. Of several calls with the same key, whose time is not over, one
makes its resource; every other one, also one that came at the same time, waits for it, writes
nothing, and raises `RequestRepeated`. A call that makes nothing stores no request.
"""

from typing import Protocol
from uuid import UUID

from satmint.model.idempotency import KeyedRequest


class RequestRepeated(Exception):
    """An earlier request with the same key has made a resource; this one wrote nothing."""

    def __init__(self, first: KeyedRequest) -> None:
        super().__init__("the idempotency key was used before")
        self.first = first


class KeyedRequestStore(Protocol):
    """Requests with an idempotency key that have made something."""

    async def find(self, project: UUID, key_digest: bytes, now: int) -> KeyedRequest | None:
        """The request with this key that is not forgotten yet at `now`; None: there is none."""
        ...

    async def add(self, keyed: KeyedRequest) -> bool:
        """Store a request that makes nothing else. Returns False, if it was stored before.

        Of several calls at the same time, one returns True.
        """
        ...
