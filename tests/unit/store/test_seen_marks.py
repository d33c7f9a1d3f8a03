"""Marks that a head was seen: kept until they are written, bounded, and never waited for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from satmint.model.refusals import StoreUnavailable
from satmint.model.rotation import Head, RefreshTokenRef, SessionState
from satmint.store.sql.seen_marks import SeenMark, SeenMarks, with_evidence
from tests.kit.clock import NOW
from tests.kit.polling import until

PROJECT = UUID(int=1)
FEW = 8


def mark(session: int, generation: int = 0) -> RefreshTokenRef:
    return RefreshTokenRef(PROJECT, UUID(int=session), generation, 0)


def generation_of(known: SeenMark | None) -> int:
    assert known is not None
    return known.generation


@dataclass
class Table:
    """Where marks are written to: rows may be locked, and the whole database may fail."""

    written: dict[int, int] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)
    error: Exception | None = None
    batches: list[int] = field(default_factory=list)

    async def write(self, marks: Sequence[SeenMark]) -> Sequence[bool]:
        self.batches.append(len(marks))
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        settled = [mark.session.int not in self.locked for mark in marks]
        for mark, done in zip(marks, settled, strict=True):
            if done:
                self.written[mark.session.int] = mark.generation
        return settled


@pytest.fixture
def table() -> Table:
    return Table()


@asynccontextmanager
async def marking(table: Table, max_pending: int = 1000) -> AsyncIterator[SeenMarks]:
    marks = SeenMarks(table.write, max_pending)
    try:
        yield marks
    finally:
        await marks.close(0.01)


async def test_marks_of_one_turn_are_one_batch(table: Table) -> None:
    async with marking(table) as marks:
        for session in range(FEW):
            marks.add(mark(session), NOW)
        assert len(marks) == FEW
        await marks.drained()
        assert table.batches == [FEW]
        assert table.written == dict.fromkeys(range(FEW), 0)
        assert len(marks) == 0


async def test_mark_of_a_locked_row_is_tried_until_it_is_written(table: Table) -> None:
    table.locked.add(1)
    async with marking(table) as marks:
        marks.add(mark(1), NOW)
        marks.add(mark(2), NOW)
        await until(lambda: len(table.batches) > 3)
        assert table.written == {2: 0}
        assert generation_of(marks.of(PROJECT, UUID(int=1))) == 0
        assert marks.of(PROJECT, UUID(int=2)) is None
        marks.add(mark(3), NOW)  # is not held up
        await until(lambda: 3 in table.written)
        table.locked.clear()
        await marks.drained()
        assert table.written == {1: 0, 2: 0, 3: 0}


@pytest.mark.parametrize("error", [StoreUnavailable("postgres_lost"), ZeroDivisionError()])
async def test_mark_outlives_a_failure_of_the_database(table: Table, error: Exception) -> None:
    table.error = error
    with capture_logs() as logs:
        async with marking(table) as marks:
            for session in range(FEW):
                marks.add(mark(session), NOW)
            await until(lambda: len(table.batches) > 2)
            table.error = None
            await marks.drained()
    assert table.written == dict.fromkeys(range(FEW), 0)
    cause = getattr(error, "cause", "ZeroDivisionError")
    assert [(one["event"], one.get("cause")) for one in logs] == [
        ("seen_marks_delayed", cause),
        ("seen_marks_resumed", None),
    ]


async def test_session_has_one_mark_that_of_its_newest_generation(table: Table) -> None:
    table.locked.add(1)
    async with marking(table) as marks:
        for generation in (0, 2, 1):
            marks.add(mark(1, generation), NOW)
            await asyncio.sleep(0)
        assert len(marks) == 1
        assert generation_of(marks.of(PROJECT, UUID(int=1))) == 2
        table.locked.clear()
        await marks.drained()
    assert table.written == {1: 2}


async def test_mark_that_is_newer_than_the_one_being_written_is_written_next(table: Table) -> None:
    async with marking(table) as marks:
        marks.add(mark(1, 0), NOW)
        await until(lambda: table.batches)
        marks.add(mark(1, 1), NOW)
        await marks.drained()
    assert table.written == {1: 1}


async def test_number_of_marks_is_bounded_and_the_oldest_are_lost(table: Table) -> None:
    table.error = StoreUnavailable("postgres_lost")
    with capture_logs() as logs:
        async with marking(table, max_pending=FEW) as marks:
            for session in range(3 * FEW):
                marks.add(mark(session), NOW)
            assert len(marks) == FEW
            assert marks.of(PROJECT, UUID(int=0)) is None
            table.error = None
            await marks.drained()
    assert table.written == dict.fromkeys(range(2 * FEW, 3 * FEW), 0)
    lost = [one for one in logs if one["event"] == "seen_marks_lost"]
    assert [one["reason"] for one in lost] == ["too_many", "stopped"]
    assert sum(one["count"] for one in lost) == 2 * FEW


async def test_stop_writes_what_it_can(table: Table) -> None:
    table.error = StoreUnavailable("postgres_lost")
    marks = SeenMarks(table.write)
    for session in range(FEW):
        marks.add(mark(session), NOW)
    await until(lambda: len(table.batches) > 2)
    table.error, table.locked = None, {0}
    with capture_logs() as logs:
        closing = asyncio.ensure_future(marks.close(20))
        await until(lambda: len(table.written) == FEW - 1)
        assert not closing.done()
        table.locked.clear()
        await closing
    assert len(table.written) == FEW
    assert [one["event"] for one in logs] == ["seen_marks_resumed"]


async def test_stop_that_cannot_write_tells_how_many_are_lost(table: Table) -> None:
    table.locked = {0, 1}
    marks = SeenMarks(table.write)
    for session in range(FEW):
        marks.add(mark(session), NOW)
    with capture_logs() as logs:
        await marks.close(0.05)
    assert [(one["event"], one["count"], one["reason"]) for one in logs] == [
        ("seen_marks_lost", 2, "stopped")
    ]
    marks.add(mark(9), NOW)
    assert len(marks) == 0


async def test_mark_keeps_the_first_and_the_last_time(table: Table) -> None:
    table.locked.add(1)
    async with marking(table) as marks:
        for at in (NOW, NOW + 5, NOW + 20):
            marks.add(mark(1, 3), at)
        marks.add(mark(1, 2), NOW + 99)  # of an older generation
        assert marks.of(PROJECT, UUID(int=1)) == SeenMark(
            PROJECT, UUID(int=1), 3, first_at=NOW, last_at=NOW + 20
        )


async def test_use_while_its_mark_is_written_is_written_too(table: Table) -> None:
    async with marking(table) as marks:
        marks.add(mark(1, 3), NOW)
        await asyncio.sleep(0)
        assert table.batches == [1]
        marks.add(mark(1, 3), NOW + 20)
        await marks.drained()
        assert table.batches == [1, 1]


@pytest.mark.parametrize(
    ("generation", "first", "last", "seen", "seen_late"),
    [
        (2, 0, 99, False, False),
        (3, 0, 0, True, False),
        (3, 0, 10, True, False),
        (3, 0, 11, True, True),
        (3, 11, 0, True, True),
        (3, 0, -11, True, True),
        (3, None, None, True, False),
    ],
)
def test_pending_mark_counts_as_use(
    generation: int, first: int | None, last: int | None, *, seen: bool, seen_late: bool
) -> None:
    state = SessionState(Head(3, NOW, NOW + 7200), False, False, 0, NOW + 10**6)
    times = [None if at is None else NOW + at for at in (first, last)]
    found = with_evidence(state, SeenMark(PROJECT, UUID(int=1), generation, *times))
    assert (found.seen, found.seen_late) == (seen, seen_late)
    assert with_evidence(state, None) is state
