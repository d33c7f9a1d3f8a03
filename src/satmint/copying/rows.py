"""Copies the rows of all tables, and compares them with their copies."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from satmint.copying.samples import Samples
from satmint.model.refusals import StoreUnavailable
from satmint.settings import SettingsError
from satmint.store.contract import SchemaUnknown
from satmint.store.contract.copying import CopiedRow, CopiedTable, CopyEndpoint


class CopyObserver:
    """Is told how a copy proceeds; here, nothing follows from it."""

    def begin(self, step: str, total: int) -> None:
        """A step begins, `copy` or `verify`, which is over all rows of all tables."""

    def advance(self, table: str, rows: int) -> None:
        """So many more rows of a table are done."""


class SourceFailed(Exception):
    """The source failed while the target was in use."""

    def __init__(self, failure: StoreUnavailable) -> None:
        super().__init__()
        self.failure = failure


async def _read(
    source: CopyEndpoint, table: CopiedTable, after: CopiedRow | None = None
) -> AsyncGenerator[Sequence[CopiedRow], None]:
    try:
        async with aclosing(source.rows(table, after)) as batches:
            async for rows in batches:
                yield rows
    except StoreUnavailable as error:
        raise SourceFailed(error) from error


async def copy_tables(
    source: CopyEndpoint, target: CopyEndpoint, observer: CopyObserver
) -> dict[str, int]:
    """Copy what the target lacks; return the number of rows of each table."""
    pairs = await _pairs(source, target)
    counts = {ours.name: await source.count(ours) for ours, _ in pairs}
    observer.begin("copy", sum(counts.values()))
    for ours, theirs in pairs:
        after = await target.last_key(theirs)
        observer.advance(ours.name, 0 if after is None else await target.count(theirs))
        await _copy_rows(source, target, (ours, theirs), observer, after)
    return counts


async def _copy_rows(
    source: CopyEndpoint,
    target: CopyEndpoint,
    pair: tuple[CopiedTable, CopiedTable],
    observer: CopyObserver,
    after: CopiedRow | None = None,
) -> None:
    ours, theirs = pair
    async with aclosing(_read(source, ours, after)) as batches:
        async for rows in batches:
            await target.write(theirs, rows)
            observer.advance(ours.name, len(rows))


async def compare_tables(
    source: CopyEndpoint,
    target: CopyEndpoint,
    name: str,
    counts: dict[str, int],
    samples: Samples,
    observer: CopyObserver,
) -> None:
    """Compare each row with its copy.

    A table that was changed since the copy was interrupted is copied again.

    Raises:
        SettingsError: they differ.
    """
    observer.begin("verify", sum(counts.values()))
    for pair in await _pairs(source, target):
        if await _is_equal(source, target, pair, samples, observer):
            continue
        await target.clear(pair[1])
        await _copy_rows(source, target, pair, CopyObserver())
        if not await _is_equal(source, target, pair, samples, CopyObserver()):
            raise _different(name, pair[0].name)


async def _is_equal(
    source: CopyEndpoint,
    target: CopyEndpoint,
    pair: tuple[CopiedTable, CopiedTable],
    samples: Samples,
    observer: CopyObserver,
) -> bool:
    ours, theirs = pair
    async with (
        aclosing(_read(source, ours)) as batches,
        aclosing(target.rows(theirs)) as copies,
    ):
        async for rows in batches:
            if list(rows) != list(await anext(copies, [])):
                return False
            samples.choose(ours, rows)
            observer.advance(ours.name, len(rows))
        return await anext(copies, None) is None


def _different(name: str, table: str) -> SettingsError:
    return SettingsError(
        f"the table {table} of {name} differs from its source: something else writes to it, or a"
        " trigger does. Nothing of the source was changed"
    )


async def _pairs(
    source: CopyEndpoint, target: CopyEndpoint
) -> Sequence[tuple[CopiedTable, CopiedTable]]:
    """The tables of both databases, which are of the same schema."""
    pairs = list(zip(await source.tables(), await target.tables(), strict=True))
    for ours, theirs in pairs:
        if (ours.name, ours.columns, ours.key) != (theirs.name, theirs.columns, theirs.key):
            raise SchemaUnknown(f"the table {ours.name} is not the same in both databases")
    return pairs
