"""Recognise a database that was restored, and begin a new incarnation on it.

`satmint.model.incarnation` has the rules.
"""

import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final, Protocol
from uuid import UUID

from satmint.model.clock import Clock
from satmint.model.entropy import Entropy, random_uuid
from satmint.model.events import Event, EventIds, EventKind, Origin
from satmint.model.incarnation import (
    MOVABLE,
    SECRET_BYTES,
    Copy,
    DatabaseCopied,
    Found,
    Incarnation,
    Mark,
    moved_copy,
    recognise_copy,
)
from satmint.model.refusals import StoreUnavailable
from satmint.model.times import iso
from satmint.store.contract import IncarnationStore

_MOVED: Final = "if it was moved and lacks nothing, run `satmint db adopt --moved`"


class Marks(Protocol):
    """The machine's part of its marks."""

    @property
    def name(self) -> str:
        """Where they are, for messages; "" in memory."""
        ...

    def locked(self) -> AbstractAsyncContextManager[None]:
        """Exclude other processes of this machine."""
        ...

    async def find(self, incarnation: UUID) -> Mark | None:
        """The mark of an incarnation."""
        ...

    async def has_database(self) -> bool:
        """Whether there is a mark of a database with the same URL, of any incarnation."""
        ...

    async def put(self, mark: Mark) -> None:
        """Store a mark durably."""
        ...


class IncarnationGuard:
    """Recognises a copy when a process starts and while it runs."""

    def __init__(
        self,
        store: IncarnationStore,
        marks: Marks,
        clock: Clock,
        entropy: Entropy,
        *,
        requires_mark: bool,
        file_id: Callable[[], object] = lambda: None,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            store: The incarnation of the database.
            marks: The machine's part.
            clock: The clock.
            entropy: For ids and secrets.
            requires_mark: See `recognise_copy`.
            file_id: Identifies the database file, if the database is one: it must not be replaced
                while a process has it open.
        """
        self._store = store
        self._marks = marks
        self._clock = clock
        self._entropy = entropy
        self._requires_mark = requires_mark
        self._file_id = file_id
        self._opened_file = file_id()
        self._current: Incarnation | None = None
        self._mark: Mark | None = None
        self._changes = ""
        self.copied: DatabaseCopied | None = None
        """Why this process must not use the database any longer. None: it may."""

    async def start(self) -> Incarnation:
        """Check the database before its first use, begin its first incarnation if it has none.

        Raises:
            DatabaseCopied: it is a copy.
            SettingsError: the marks cannot be read or written.
            StoreUnavailable: see `Store`.
        """
        async with self._marks.locked():
            found = await self._find()
            copy = recognise_copy(found, requires_mark=self._requires_mark)
            if copy is not None:
                raise self._copied(copy, found)
            await self._continue(found)
        return self.incarnation

    @property
    def incarnation(self) -> Incarnation:
        """The incarnation that this process has started on."""
        if self._current is None:
            raise RuntimeError("the incarnation was not checked")
        return self._current

    async def check(self, *, replace: bool = False) -> None:
        """Check that the database is still the one that the process has started on.

        Replaces the mark if the database was written since the last check.

        Args:
            replace: Whether to replace the mark in any case.

        Raises:
            DatabaseCopied: it was replaced by a copy, or another process has adopted it.
            SettingsError: the marks cannot be read or written.
            StoreUnavailable: see `Store`.
        """
        if self._file_id() != self._opened_file:
            raise DatabaseCopied("the file was replaced while it was in use: start again")
        changes = await self._store.changes()
        async with self._marks.locked():
            current, location = await self._store.get(), await self._store.location()
            if current is None or current.id != self.incarnation.id:
                raise DatabaseCopied("a new incarnation has begun on it: start again")
            mark = await self._marks.find(current.id) or self._mark
            stored = None if mark is None else await self._store.get_mark(mark.id)
            found = Found(current, location, False, mark, stored)
            copy = recognise_copy(found, requires_mark=self._requires_mark)
            if copy is not None:
                raise self._copied(copy, found)
            if mark is None or self._mark is None:
                raise RuntimeError("a process without a mark")
            if mark.secret != self._mark.secret and not replace:
                # Another process of this machine has replaced it: for what was written until then.
                self._mark = mark
            elif changes != self._changes or replace:
                await self._replace(mark, found)

    async def stop(self) -> None:
        """Replace the mark when the process stops: a copy from before lacks what was written."""
        with contextlib.suppress(StoreUnavailable, DatabaseCopied, OSError, ValueError):
            await self.check(replace=True)

    async def record_changes(self) -> None:
        """Replace the mark after a command has written to the database, if it is no copy.

        A command may also be used without marks: a server replaces its own mark.
        """
        with contextlib.suppress(StoreUnavailable, DatabaseCopied, OSError, ValueError):
            async with self._marks.locked():
                found = await self._find()
                if found.mark is not None and recognise_copy(found, requires_mark=True) is None:
                    await self._replace(found.mark, found)

    async def confirm_moved(self) -> Incarnation:
        """Continue the incarnation of a database that was moved and lacks nothing.

        Raises:
            DatabaseCopied: it is a backup, or is known to lack changes.
            SettingsError: the marks cannot be read or written.
            StoreUnavailable: see `Store`.
        """
        async with self._marks.locked():
            found = await self._find()
            copy = recognise_copy(found, requires_mark=self._requires_mark)
            if copy is not None and copy not in MOVABLE:
                raise self._copied(copy, found)
            await self._store.relocate(found.location)
            await self._continue(found)
        return self.incarnation

    async def finish_copy(self) -> Incarnation:
        """Continue on a complete copy, whose source is retired.

        The location comes last: until then no server starts here, and another call finishes it.
        Nothing is changed if an earlier call has done so.

        Raises:
            DatabaseCopied: it is a copy in another way, such as a backup of the copy.
            SettingsError: the marks cannot be read or written.
            StoreUnavailable: see `Store`.
        """
        async with self._marks.locked():
            found = await self._find()
            copy = recognise_copy(found, requires_mark=self._requires_mark)
            if copy is None and found.incarnation is not None:
                return found.incarnation
            if copy is not Copy.UNFINISHED:
                raise self._copied(copy or Copy.UNKNOWN, found)
            await self._continue(found)
            await self._store.relocate(found.location)
        return self.incarnation

    async def refuse_moved(self) -> None:
        """Refuse the source of a finished `satmint db copy`, and the target of an unfinished one.

        A change there would be lost: the sessions go on in the other database.

        Raises:
            DatabaseCopied: it is one of the two.
            StoreUnavailable: see `Store`.
        """
        current = await self._store.get()
        copy = None if current is None else moved_copy(current)
        if copy is not None:
            raise copied_error(copy, self._marks.name, None)

    async def adopt(self, origin: Origin) -> Incarnation:
        """Begin a new incarnation: no session, token or proof from before is accepted.

        Returns the new incarnation. Records events in the audit trail of every project.

        Raises:
            DatabaseCopied: `satmint db copy` has not copied everything to it yet.
            SettingsError: the marks cannot be read or written.
            StoreUnavailable: see `Store`.
        """
        now = self._clock.now()
        async with self._marks.locked():
            before = await self._store.get()
            if before is not None and before.is_copying:
                raise copied_error(Copy.UNFINISHED, self._marks.name, None)
            number = 1 if before is None else before.number + 1
            location = await self._store.location()
            new = Incarnation(random_uuid(self._entropy), number, now, location)
            mark = self._new_mark(new.id)
            await self._marks.put(mark)
            ids = EventIds(self._entropy)
            events = [
                Event(ids.next(now), project.id, kind, now, origin, cause=cause)
                for project in await self._store.projects()
                for kind, cause in (
                    (EventKind.DATABASE_ADOPTED, f"incarnation={number}"),
                    (EventKind.PROJECT_REVOKED, ""),
                )
            ]
            await self._store.adopt(new, mark, now, events)
            self._current = new
            await self._replace(mark, Found(new, location, False, mark, None))
        return new

    async def _find(self) -> Found:
        current, location = await self._store.get(), await self._store.location()
        mark = None if current is None else await self._marks.find(current.id)
        return Found(
            incarnation=current,
            location=location,
            empty=await self._store.is_empty(),
            mark=mark,
            stored=None if mark is None else await self._store.get_mark(mark.id),
            replaces_another=await self._marks.has_database(),
        )

    async def _continue(self, found: Found) -> None:
        """Continue, with a new secret in the mark: from now on, any earlier copy is older."""
        current, mark = found.incarnation, found.mark
        if current is None:
            new = Incarnation(random_uuid(self._entropy), 1, self._clock.now(), found.location)
            # First in the file: with the incarnation alone, the database would look like a copy.
            mark = self._new_mark(new.id)
            await self._marks.put(mark)
            current = await self._store.begin(new, mark)
            if current.id != new.id:
                mark = None
        if mark is None:
            mark = self._new_mark(current.id)
            await self._store.add_mark(mark)
        self._current = current
        await self._replace(mark, found)

    async def _replace(self, mark: Mark, found: Found) -> None:
        """Replace the secret of a mark, first in the database, then in the file.

        At any moment, the file of marks has the `user_version` of the database file without its
        log: a crash must not make it look like a copy.
        """
        before = mark.user_versions
        if before:
            version = await self._store.user_version()
            if version is not None and version not in (*before, mark.next_user_version):
                # Another program has written the database file anew.
                before = (*before, version)
                await self._marks.put(replace(mark, user_versions=before))
        new = Mark(mark.id, mark.incarnation, self._entropy.take(SECRET_BYTES), self._clock.now())
        if not await self._store.replace_mark(mark, new):
            raise self._copied(Copy.OLDER, found)
        log = await self._store.checkpoint()
        if log is not None:
            versions: tuple[int, ...] = (mark.next_user_version,)
            if not log.is_applied:
                versions = (*before, *versions) if before else ()
            new = replace(new, user_versions=versions, log_salt=log.salt)
        await self._marks.put(new)
        self._mark = new
        self._changes = await self._store.changes()

    def _new_mark(self, incarnation: UUID) -> Mark:
        secret = self._entropy.take(SECRET_BYTES)
        return Mark(random_uuid(self._entropy), incarnation, secret)

    def _copied(self, copy: Copy, found: Found) -> DatabaseCopied:
        return copied_error(copy, self._marks.name, found.mark)


def copied_error(copy: Copy, marks: str, mark: Mark | None) -> DatabaseCopied:
    """The error of a database that is a copy, with the remedy.

    Args:
        copy: How it was recognised.
        marks: `Marks.name`.
        mark: The machine's mark of its incarnation, if there is one.
    """
    match copy:
        case Copy.BACKUP:
            text = (
                "it is a backup: restore it with `satmint db restore`, or run `satmint db"
                " adopt` to use it where it is"
            )
        case Copy.UNFINISHED:
            text = (
                "it is a copy that is not complete: run `satmint db copy` again with the same"
                " databases"
            )
        case Copy.SUCCEEDED:
            text = (
                "`satmint db copy` has copied it, and the copy continues its sessions: use the"
                " copy, or run `satmint db adopt`, which ends every session here"
            )
        case Copy.ELSEWHERE:
            text = f"it is a copy of another database: run `satmint db adopt`; {_MOVED}"
        case Copy.UNKNOWN:
            text = (
                f"{marks} has no mark of it, so that it may be a copy: run `satmint"
                f" db adopt`; {_MOVED}"
            )
        case _:
            seen = mark.replaced_at if mark is not None else 0
            until = f" until {iso(seen)}" if seen else ""
            text = (
                f"it is an older copy, and lacks changes that were made{until}: run `satmint db"
                " adopt`, which ends every session"
            )
    return DatabaseCopied(text, copy)
