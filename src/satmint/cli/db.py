"""`satmint db`: migrate, check, measure, back up, restore and copy the database."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from satmint.adoption import copy_found
from satmint.cli import adoption, db_copy
from satmint.cli.command import CommandContext, command
from satmint.cli.plain import group
from satmint.cli.progress import progress_bar
from satmint.cli.report import Failure
from satmint.maintenance import (
    Collision,
    TableStatistics,
    back_up_database,
    check_database,
    keyring_is_known,
    measure_database,
    migrate_database,
)
from satmint.model.database_url import is_postgres, without_password
from satmint.model.times import iso

app = group("db")
command(app, "restore", changes=True, table=True)(adoption.restore)
command(app, "adopt", changes=True, table=True)(adoption.adopt)
command(app, "copy", changes=True, table=True)(db_copy.copy)


@command(app, "migrate", changes=True)
def migrate(ctx: CommandContext) -> None:
    """Migrate the database to the current schema; create it if it does not exist."""
    applied = migrate_database(ctx.settings, ctx.clock.now())
    database = without_password(ctx.settings.database)
    collisions = check_database(ctx.settings).collisions if applied else ()
    ctx.report.write_json(
        {"database": database, "applied": applied, "collisions": _as_json(collisions)}
    )
    ctx.report.write_line(
        f"{database}: applied {', '.join(applied)}." if applied else f"{database}: up to date."
    )
    _write_collisions(ctx, collisions)


@command(app, "check")
def check(ctx: CommandContext) -> None:
    """Check the integrity of the whole database, the version of its schema, and its keyring.

    It also says why no server would start on the database: it is a backup, or was copied.
    """
    found = check_database(ctx.settings)
    copied = None if found.pending else asyncio.run(copy_found(ctx.settings, ctx.clock))
    keyring_known = keyring_is_known(ctx.settings, found)
    database = without_password(ctx.settings.database)
    ctx.report.write_json(
        {
            "database": database,
            "sound": found.healthy,
            "faults": found.faults,
            "pending": found.pending,
            "collisions": _as_json(found.collisions),
            "keyring_known": keyring_known,
            "copied": None if copied is None else str(copied),
        }
    )
    if found.faults:
        more = len(found.faults) - 1
        raise Failure(
            f"the database is corrupt: {found.faults[0]}" + (f" (and {more} more)" if more else "")
        )
    if found.pending:
        raise Failure(f"the database lacks {', '.join(found.pending)}: run `satmint db migrate`")
    ctx.report.write_line(f"{database}: OK, schema is up to date.")
    if copied is not None:
        ctx.report.write_line(f"No server starts on it: {copied}.")
    _write_collisions(ctx, found.collisions)
    if keyring_known is False:
        ctx.report.write_line(
            f"No key of the keyring at {ctx.settings.keyring} has served this database before."
            " Use the keyring of this database; if it was replaced on purpose, run `satmint keys"
            " adopt`."
        )


@command(app, "stats", table=True)
def stats(ctx: CommandContext) -> None:
    """Show how large the database and its tables are, without reading all of it.

    Numbers of rows are estimates with PostgreSQL; with SQLite, they are counted up to 100,000.
    """
    found = measure_database(ctx.settings)
    database = without_password(ctx.settings.database)
    # The id of an event begins with its time in milliseconds (RFC 9562, section 5.7).
    oldest = (
        None
        if found.oldest_event is None
        else iso(int.from_bytes(found.oldest_event[:6], "big") // 1000)
    )
    summary = {
        "database": database,
        "bytes": found.size_bytes,
        "wal_bytes": found.wal_bytes,
        "unused_bytes": found.unused_bytes,
        "oldest_event_at": oldest,
    }
    ctx.report.write_json({**summary, "tables": [_table_as_json(one) for one in found.tables]})
    if ctx.report.as_json:
        return
    ctx.report.write_properties(summary)
    ctx.report.write_line()
    # SQLite knows neither the sizes of tables nor of rows that are left over.
    sizes = ("bytes", "dead_rows") if is_postgres(ctx.settings.database) else ()
    ctx.report.write_table(
        ("table", "rows", *sizes),
        [
            {**_table_as_json(one), "rows": one.rows if one.is_exact else _inexact(ctx, one.rows)}
            for one in found.tables
        ],
        none="No tables.",
    )


def _inexact(ctx: CommandContext, rows: int) -> str:
    return f"about {rows}" if is_postgres(ctx.settings.database) else f"more than {rows}"


def _table_as_json(table: TableStatistics) -> dict[str, object]:
    return {
        "table": table.name,
        "rows": table.rows,
        "exact": table.is_exact,
        "bytes": table.size_bytes,
        "dead_rows": table.dead_rows,
    }


@command(app, "backup", changes=True)
def backup(
    ctx: CommandContext,
    destination: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to create. It must not exist.")
    ],
) -> None:
    """Copy the database to a file while servers run.

    Restore it with `satmint db restore`: until then, no server starts on it. The backup does not
    contain the keyring: back it up separately.
    """
    try:
        with progress_bar(ctx.report, "backup") as bar:
            size = back_up_database(ctx.settings, destination, bar.update)
    except FileExistsError as error:
        raise Failure(f"{destination} already exists: choose another file") from error
    except OSError as error:
        raise Failure(
            f"cannot write {destination}: {(error.strerror or str(error)).lower()}"
        ) from error
    ctx.report.write_json({"backup": str(destination.absolute()), "bytes": size})
    ctx.report.write_line(f"{destination}: {size} bytes.")


def _as_json(collisions: Sequence[Collision]) -> list[dict[str, object]]:
    return [
        {
            "project_id": collision.project,
            "attribute": collision.attribute,
            "value": collision.text,
            "subscriber_id": collision.subscriber,
            "other_subscriber_id": collision.other,
        }
        for collision in collisions
    ]


def _write_collisions(ctx: CommandContext, collisions: Sequence[Collision]) -> None:
    """Write which subscribers are equal. Their values are quoted, to show invisible characters."""
    if not collisions:
        return
    ctx.report.write_line(
        "These subscribers are from an earlier version. Only their exact reference leads to them:"
    )
    for collision in collisions:
        holder = "" if collision.other is None else f" equals that of {collision.other}"
        ctx.report.write_line(
            f"  project {collision.project}, subscriber {collision.subscriber}:"
            f" {collision.attribute} {collision.text!a}{holder}"
        )
    ctx.report.write_line(
        "Delete the subscribers that are not used (DELETE /api/fabric/resources/subscribers/{id})"
        " or change their e-mail address (PUT): all other forms then lead to those that remain."
    )
