"""Hash passwords with argon2id, in a few threads outside of the event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_PASSWORD_BYTES: Final = 8
MAX_PASSWORD_BYTES: Final = 72

# A hash takes 64 MiB and tens of milliseconds by design (RFC 9106, section 4). Two threads: a burst
# of sign-ups must not use up the machine.
_workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="satmint-argon2")


async def hash_password(password: str) -> str:
    """`password` as an argon2id hash in PHC string format."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_workers, _hash, password)


def _hash(password: str) -> str:
    return _hasher().hash(password)


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher  # noqa: PLC0415 - most servers never store a password

    return PasswordHasher()
