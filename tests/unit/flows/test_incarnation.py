"""The guard of an incarnation: which database goes on, and which one is refused as a copy."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from uuid import UUID

import pytest

from satmint.flows.incarnation import IncarnationGuard, copied_error
from satmint.model.incarnation import (
    BACKUP,
    COPYING,
    Copy,
    DatabaseCopied,
    Incarnation,
    Mark,
    complete_copy,
    copied_source,
)
from satmint.store.contract import Store
from satmint.store.sqlite import open_sqlite
from tests.kit.clock import NOW, FrozenClock
from tests.kit.databases import fresh_file
from tests.kit.entropy import SeededEntropy
from tests.kit.service import ORIGIN
from tests.store.store_setup import Given

LATER = NOW + 60


class Memory:
    """The marks of a machine."""

    def __init__(self) -> None:
        self.name = "marks.json"
        self.marks = dict[UUID, Mark]()
        self.written = list[Mark]()
        self.earlier = False
        """Whether there was another database in the place of this one."""
        self.holders = 0

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        self.holders += 1
        try:
            yield
        finally:
            self.holders -= 1

    async def find(self, incarnation: UUID) -> Mark | None:
        return self.marks.get(incarnation)

    async def has_database(self) -> bool:
        return self.earlier

    async def put(self, mark: Mark) -> None:
        assert self.holders == 1, "another process may write as well"
        self.marks[mark.incarnation] = mark
        self.written.append(mark)


class Machine:
    """A machine that uses the database, in as many processes as it likes."""

    def __init__(self, store: Store, seed: str) -> None:
        self.store = store
        self.marks = Memory()
        self.clock = FrozenClock()
        self.file: object = "the file"
        self._entropy = SeededEntropy(seed)

    def guard(self, *, requires_mark: bool = True) -> IncarnationGuard:
        return IncarnationGuard(
            self.store.incarnation,
            self.marks,
            self.clock,
            self._entropy,
            requires_mark=requires_mark,
            file_id=lambda: self.file,
        )

    async def started(self, *, requires_mark: bool = True) -> IncarnationGuard:
        guard = self.guard(requires_mark=requires_mark)
        await guard.start()
        return guard

    @property
    def mark(self) -> Mark:
        (mark,) = self.marks.marks.values()
        return mark

    async def has_current_mark(self) -> bool:
        """Whether a copy of the database from before its last mark would be noticed."""
        stored = await self.store.incarnation.get_mark(self.mark.id)
        return stored is not None and stored.digest == self.mark.digest


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    store = await open_sqlite(fresh_file(tmp_path / "satmint.db"), NOW)
    yield Machine(store, "one")
    await store.close()


async def written(machine: Machine) -> None:
    await Given(machine.store, seed=str(machine.mark.secret)).project()


def refused(copy: Copy | None, text: str | None = None) -> pytest.RaisesExc[DatabaseCopied]:
    return pytest.raises(DatabaseCopied, match=text, check=lambda error: error.copy is copy)


async def test_first_incarnation_begins_where_nothing_is_known(machine: Machine) -> None:
    machine.clock.advance(60)
    guard = machine.guard()
    with pytest.raises(RuntimeError, match="the incarnation was not checked"):
        _ = guard.incarnation
    found = await guard.start()
    assert (found.number, found.began_at) == (1, LATER)
    assert found == guard.incarnation == await machine.store.incarnation.get()
    assert (machine.mark.incarnation, machine.mark.replaced_at) == (found.id, LATER)
    assert await machine.has_current_mark()
    # It goes on after a restart, with another secret.
    before = machine.mark
    assert (await machine.started()).incarnation == found
    assert (machine.mark.id, machine.mark.secret != before.secret) == (before.id, True)


async def test_machine_without_a_mark_gets_one_unless_it_needs_it(machine: Machine) -> None:
    first = await machine.started()
    other = Machine(machine.store, "two")
    with refused(Copy.UNKNOWN, "marks.json has no mark of it"):
        await other.started()
    assert other.marks.marks == {}
    assert (await other.started(requires_mark=False)).incarnation == first.incarnation
    assert await other.has_current_mark()
    assert other.mark.id != machine.mark.id


async def test_old_backup_in_the_place_of_a_database_is_refused(machine: Machine) -> None:
    """One from before the upgrade that brought incarnations."""
    machine.marks.earlier = True
    await Given(machine.store).project()
    with refused(Copy.OLDER):
        await machine.started()
    assert await machine.store.incarnation.get() is None


async def test_mark_is_replaced_after_each_check_that_finds_a_write(machine: Machine) -> None:
    guard = await machine.started()
    first = machine.mark
    await guard.check()
    assert machine.mark == first
    await written(machine)
    machine.clock.advance(60)
    await guard.check()
    second = machine.mark
    assert (second.secret != first.secret, second.replaced_at) == (True, LATER)
    await guard.check()
    assert machine.mark == second
    await guard.check(replace=True)
    assert machine.mark.secret != second.secret
    assert await machine.has_current_mark()


async def test_file_that_another_program_has_written_anew_stays_known(
    machine: Machine, tmp_path: Path
) -> None:
    """A crash before the next mark is in the file must not make it look like a copy."""
    guard = await machine.started()
    written = len(machine.marks.written)
    await guard.check(replace=True)
    assert len(machine.marks.written) == written + 1  # nothing but the new mark
    before = machine.mark
    with closing(sqlite3.connect(tmp_path / "satmint.db", isolation_level=None)) as db:
        db.execute("PRAGMA user_version = 99")
    await guard.check(replace=True)
    known, new = machine.marks.written[-2:]
    assert (known.secret, known.user_versions) == (before.secret, (*before.user_versions, 99))
    assert new.secret != before.secret
    assert 99 not in new.user_versions


async def test_mark_that_is_gone_by_the_time_it_is_replaced_proves_a_copy(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = await machine.started()
    before = machine.mark

    async def gone(*_: object) -> bool:
        return False

    monkeypatch.setattr(type(machine.store.incarnation), "replace_mark", gone)
    with refused(Copy.OLDER):
        await guard.check(replace=True)
    assert machine.mark == before


async def test_processes_of_a_machine_replace_one_mark(machine: Machine) -> None:
    one, two = await machine.started(), await machine.started()
    by_two = machine.mark
    await one.check()
    assert machine.mark == by_two  # which is that of one as well from now on
    await written(machine)
    await one.check()
    by_one = machine.mark
    assert by_one.secret != by_two.secret
    await two.check()
    assert machine.mark == by_one
    await two.check()
    assert machine.mark.secret != by_one.secret
    await one.check()
    assert await machine.has_current_mark()


async def test_running_process_refuses_a_file_that_is_another(machine: Machine) -> None:
    guard = await machine.started()
    machine.file = "another file"
    with refused(None, "the file was replaced while it was in use: start again"):
        await guard.check()


async def test_running_process_refuses_an_older_copy_and_a_moved_one(machine: Machine) -> None:
    guard, store = await machine.started(), machine.store.incarnation
    await store.relocate("elsewhere")
    with refused(Copy.ELSEWHERE):
        await guard.check()
    await store.relocate(await store.location())
    await guard.check()
    for secret in (b"restored", b"and restored again"):
        stored = Mark(machine.mark.id, guard.incarnation.id, secret)
        if secret == b"restored":
            await store.replace_mark(machine.mark, stored)
        else:
            await store.replace_mark(Mark(machine.mark.id, stored.incarnation, b"restored"), stored)
    with refused(Copy.OLDER, "2023-11-14T22:13:20Z: run `satmint db adopt`"):
        await guard.check()


async def test_running_process_ends_when_the_database_was_adopted(machine: Machine) -> None:
    guard = await machine.started()
    other = machine.guard()
    await other.adopt(ORIGIN)
    with refused(None, "a new incarnation has begun on it: start again"):
        await guard.check()
    await guard.stop()  # nothing is left to do
    await other.check()


async def test_process_that_stops_replaces_the_mark(machine: Machine) -> None:
    guard = await machine.started()
    before = machine.mark
    await guard.stop()
    assert machine.mark.secret != before.secret
    assert await machine.has_current_mark()


async def test_command_that_has_written_replaces_the_mark_if_there_is_one(
    machine: Machine,
) -> None:
    await machine.guard().record_changes()
    assert machine.marks.marks == {}
    await machine.started()
    before = machine.mark
    await machine.guard().record_changes()
    assert machine.mark.secret != before.secret
    # A copy is not made to look like the database.
    later = machine.mark
    await machine.store.incarnation.relocate("elsewhere")
    await machine.guard().record_changes()
    assert machine.mark == later
    other = Machine(machine.store, "two")
    await other.guard().record_changes()
    assert other.marks.marks == {}


async def test_moved_database_goes_on_when_that_is_confirmed(machine: Machine) -> None:
    first = (await machine.started()).incarnation
    store = machine.store.incarnation
    await store.relocate("elsewhere")
    other = Machine(machine.store, "two")
    guard = other.guard()
    moved = await guard.confirm_moved()
    assert (moved.id, guard.incarnation) == (first.id, moved)
    assert (await other.started()).incarnation.id == first.id
    # And where it is none at all.
    assert (await Machine(machine.store, "three").guard().confirm_moved()).id == first.id
    assert (await other.guard().confirm_moved()).id == first.id


async def test_backup_is_no_moved_database(machine: Machine) -> None:
    await machine.started()
    await machine.store.incarnation.relocate(BACKUP)
    with refused(Copy.BACKUP, "it is a backup: restore it"):
        await machine.guard().confirm_moved()
    found = await machine.store.incarnation.get()
    assert found is not None
    assert found.location == BACKUP


async def test_complete_copy_is_finished_once(machine: Machine) -> None:
    store = machine.store.incarnation
    first = (await machine.started()).incarnation
    here = await store.location()
    other = Machine(machine.store, "two")
    with refused(Copy.UNKNOWN):
        await other.guard().finish_copy()
    await store.relocate(complete_copy("c1"))
    with refused(Copy.UNFINISHED, "it is a copy that is not complete"):
        await other.started()
    finished = await other.guard().finish_copy()
    assert finished.id == first.id
    assert await store.get() == Incarnation(first.id, 1, NOW, here)
    mark = other.mark
    assert (await other.guard().finish_copy()).location == here
    assert other.mark == mark
    await other.started()


async def test_copy_without_an_incarnation_is_not_finished(machine: Machine) -> None:
    with refused(Copy.UNKNOWN):
        await machine.guard().finish_copy()
    assert await machine.store.incarnation.get() is None


@pytest.mark.parametrize(
    ("location", "copy"),
    [
        (COPYING, Copy.UNFINISHED),
        (complete_copy("c1"), Copy.UNFINISHED),
        (copied_source("c1"), Copy.SUCCEEDED),
    ],
)
async def test_source_and_target_of_a_copy_are_not_changed(
    machine: Machine, location: str, copy: Copy
) -> None:
    await machine.guard().refuse_moved()
    await machine.started()
    await machine.guard().refuse_moved()
    await machine.store.incarnation.relocate(location)
    with refused(copy):
        await machine.guard().refuse_moved()


async def test_adopted_database_has_the_next_number_and_a_mark(machine: Machine) -> None:
    guard = machine.guard()
    first = await guard.adopt(ORIGIN)
    assert (first.number, first.began_at) == (1, NOW)
    machine.clock.advance(60)
    second = await guard.adopt(ORIGIN)
    assert (second.number, second.began_at) == (2, LATER)
    assert second.id != first.id
    assert second == guard.incarnation == await machine.store.incarnation.get()
    stored = await machine.store.incarnation.get_mark(machine.marks.marks[second.id].id)
    assert stored is not None
    assert stored.digest == machine.marks.marks[second.id].digest
    await guard.check()
    assert (await machine.started()).incarnation == second


async def test_database_that_is_being_copied_is_not_adopted(machine: Machine) -> None:
    first = (await machine.started()).incarnation
    await machine.store.incarnation.relocate(COPYING)
    with refused(Copy.UNFINISHED):
        await machine.guard().adopt(ORIGIN)
    found = await machine.store.incarnation.get()
    assert found is not None
    assert found.id == first.id
    await machine.store.incarnation.relocate(copied_source("c1"))
    assert (await machine.guard().adopt(ORIGIN)).number == 2


def test_older_copy_says_until_when_it_lacks_changes_if_that_is_known() -> None:
    mark = Mark(UUID(int=1), UUID(int=2), b"secret", NOW)
    known = str(copied_error(Copy.OLDER, "marks.json", mark))
    assert "lacks changes that were made until 2023-11-14T22:13:20Z: run" in known
    new = Mark(mark.id, mark.incarnation, b"secret")
    for unknown in (None, new):
        assert "that were made: run" in str(copied_error(Copy.OLDER, "marks.json", unknown))
