"""What was used up: codes of sign-in links, and sessions that were signed out.

A cookie or a code is valid by itself, on every node. That it is not any more is remembered in the
database, beside the idempotency keys: these are also remembered for a day, which is longer than a
session lasts, and forgotten by the purge.
"""

from hashlib import sha256
from typing import Final
from uuid import UUID

from satmint.model.idempotency import KEPT_SECONDS, KeyedRequest
from satmint.store.contract import Store

_NOBODY: Final = UUID(int=0)
"""In place of a project: marks belong to the deployment."""


async def use(store: Store, kind: str, name: str, now: int) -> bool:
    """Remember that something is used up. Of several calls, one returns True.

    Args:
        store: The store.
        kind: What it is, such as `code`.
        name: Its id.
        now: Unix seconds.

    Raises:
        StoreUnavailable: it cannot be remembered now.
    """
    mark = KeyedRequest(
        project=_NOBODY,
        key_digest=_digest(kind, name),
        request_digest=b"",
        master_key="",
        salt=b"",
        resource=_NOBODY,
        forget_at=now + KEPT_SECONDS,
    )
    return await store.keyed_requests.add(mark)


async def is_used(store: Store, kind: str, name: str, now: int) -> bool:
    """Whether something is used up."""
    return await store.keyed_requests.find(_NOBODY, _digest(kind, name), now) is not None


def _digest(kind: str, name: str) -> bytes:
    return sha256(f"console {kind} {name}".encode()).digest()
