"""Incarnations: how a restored database is told from a running one.

An incarnation is the life of a database from its creation, or from `satmint db restore` or `adopt`,
to the next. While servers run, they replace a random secret, the mark, every few seconds: its
digest is in the database, the secret itself in a file of the machine. A copy of the database has
the digest of an earlier mark and is refused. A database that goes on has the latest one, whatever
else happened to it: a crash, an upgrade, the promotion of a standby.

An SQLite database whose server was killed is two files: the database file and its write-ahead log,
which SQLite applies to whatever file is beside it. So the `user_version` in the header of the
database file changes with the mark, and a file with a value that it cannot have is a copy, beside
the log of the file that it replaced.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec

BACKUP: Final = "backup"
"""The location of a database that `satmint db backup` made."""
COPYING: Final = "copying"
"""The location of a database to which `satmint db copy` has not copied everything yet."""
_COPIED: Final = "copied"
SECRET_BYTES: Final = 32
_MAX_RESTARTS: Final = 100_000
"""How often SQLite begins a log anew before the mark is replaced, at the most."""


class Incarnation(msgspec.Struct, frozen=True):
    """The current incarnation of a database, stored in it."""

    id: UUID
    number: int
    """From 1."""
    began_at: int
    """Unix seconds."""
    location: str
    """Where the database is, as far as a copy is elsewhere; see `IncarnationStore.location`."""

    @property
    def is_copying(self) -> bool:
        """Whether `satmint db copy` has not finished the database."""
        return self.location.partition(" ")[0] == COPYING

    @property
    def is_copied(self) -> bool:
        """Whether `satmint db copy` has copied the database: its copy continues."""
        return self.location.partition(" ")[0] == _COPIED

    @property
    def copy_id(self) -> str:
        """What the two databases of one finished copy have in common; "" if it is neither."""
        return self.location.partition(" ")[2] if self.is_copying or self.is_copied else ""


def complete_copy(copy_id: str) -> str:
    """The location of a copy that is complete, and that continues if its source is retired."""
    return f"{COPYING} {copy_id}"


def copied_source(copy_id: str) -> str:
    """The location of a database that has one copy that continues: that with the same id."""
    return f"{_COPIED} {copy_id}"


@dataclass(frozen=True, slots=True)
class StoredMark:
    """The database's part of a machine's mark."""

    digest: bytes
    """SHA-256 of the secret."""
    previous: bytes
    """That of the secret before: a crash may have kept the new one from the machine's file."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The machine's part of its mark: what a copy of the database does not have."""

    id: UUID
    """The machine's row in the database."""
    incarnation: UUID
    secret: bytes = field(repr=False)
    replaced_at: int = 0
    """Unix seconds. 0: it is new, and may be in this machine's file alone."""
    user_versions: tuple[int, ...] = ()
    """The values of SQLite's `user_version` that the database file may have without its log, apart
    `next_user_version`. Empty: it may have any."""
    log_salt: int | None = None
    """`LogState.salt` when this mark was written; None: unknown."""

    @property
    def next_user_version(self) -> int:
        """The `user_version` that is written with the mark that follows this one: 31 bits.

        It follows from the secret, so that a machine knows it before it is written.
        """
        digest = sha256(b"next user_version" + self.secret).digest()
        return int.from_bytes(digest[:4], "big") >> 1

    @property
    def digest(self) -> bytes:
        """SHA-256 of the secret."""
        return sha256(self.secret).digest()

    def is_of(self, stored: StoredMark | None) -> bool:
        """Whether the database has this mark, or the one that was to follow it."""
        return stored is not None and self.digest in (stored.digest, stored.previous)


@dataclass(frozen=True, slots=True)
class LogState:
    """What is known about SQLite's write-ahead log after a checkpoint."""

    is_applied: bool
    """Whether all of it is in the database file, durably."""
    salt: int | None
    """The first salt in its header: 32 random bits, which SQLite increments whenever it writes the
    log from the beginning again. None: there is no log."""


class Copy(StrEnum):
    """How a database was recognised as a copy."""

    BACKUP = "backup"
    """`satmint db backup` made it."""
    UNFINISHED = "unfinished"
    """`satmint db copy` was interrupted."""
    SUCCEEDED = "succeeded"
    """`satmint db copy` has copied it, and the copy continues in its place."""
    OLDER = "older"
    """It lacks changes that a server of this machine has seen."""
    ELSEWHERE = "elsewhere"
    """It is not where its incarnation began: pg_dump or another logical copy."""
    UNKNOWN = "unknown"
    """This machine has no mark of it."""


MOVABLE: Final = frozenset({Copy.ELSEWHERE, Copy.UNKNOWN})
"""Not proven to lack anything: the operator may state that the database was only moved."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known about a database when it is opened."""

    incarnation: Incarnation | None
    """None: no server has started on it since it has incarnations."""
    location: str
    """Where the database is now."""
    empty: bool
    """Whether it has no project."""
    mark: Mark | None
    """The machine's mark of this incarnation; None if it has none."""
    stored: StoredMark | None
    """The database's part of it."""
    replaces_another: bool = False
    """Whether this machine has a mark of an earlier database with the same URL."""


def moved_copy(current: Incarnation) -> Copy | None:
    """What the database is for `satmint db copy`, if it is a source or a target of it."""
    if current.is_copying:
        return Copy.UNFINISHED
    return Copy.SUCCEEDED if current.is_copied else None


def recognise_copy(found: Found, *, requires_mark: bool) -> Copy | None:
    """Whether a database is a copy, and how that is known; None: it goes on.

    Args:
        found: What is known about it.
        requires_mark: Whether a machine without a mark proves a copy, as for a file. A database
            server may be used from new machines at any time.
    """
    current = found.incarnation
    if current is None:
        # A backup from before the upgrade that brought incarnations.
        return Copy.OLDER if found.replaces_another and not found.empty else None
    if current.location == BACKUP:
        return Copy.BACKUP
    moved = moved_copy(current)
    if moved is not None:
        return moved
    if found.mark is not None and not found.mark.is_of(found.stored):
        return Copy.OLDER
    if current.location != found.location:
        return Copy.ELSEWHERE
    if found.mark is None and requires_mark:
        return Copy.UNKNOWN
    return None


def has_log_of_another_file(
    marks: Collection[Mark], in_file: int, log_salt: int, read_log: Callable[[], Collection[int]]
) -> bool:
    """Whether an SQLite database file was replaced by a copy while its log was left in place.

    Args:
        marks: All marks of this machine that are of a database with this name.
        in_file: The `user_version` in the database file, without the log.
        log_salt: The first salt of the log, see `LogState`.
        read_log: Reads each `user_version` in the log.
    """
    known: set[int] = set()
    for mark in marks:
        if not mark.user_versions:
            return False
        known.update(mark.user_versions, [mark.next_user_version])
    if in_file in known:
        return False
    # Otherwise the log is an older one, too, and belongs to the file. One that was begun since the
    # mark was written does not have the mark.
    begun_since = any(
        mark.log_salt is not None and 0 < (log_salt - mark.log_salt) % 2**32 < _MAX_RESTARTS
        for mark in marks
    )
    return begun_since or not known.isdisjoint(read_log())


class DatabaseCopied(Exception):
    """The database is a copy, or continues under another incarnation; no server may use it.

    The message is for operators: it says what was found, and names the remedy.
    """

    def __init__(self, message: str, copy: Copy | None = None) -> None:
        super().__init__(message)
        self.copy = copy
        """How it was recognised; None: another process has begun a new incarnation."""
