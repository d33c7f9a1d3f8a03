"""The database: is it there, current, durable, the original, sound, and of this keyring."""

from collections.abc import Iterator, Sequence
from typing import Final

from satmint.doctor.finding import Finding, error, ok, skipped, warning
from satmint.doctor.postgres import examine_server
from satmint.jose import Keyring
from satmint.model.clock import SystemClock
from satmint.model.database_reasons import database_reason
from satmint.model.database_url import without_password
from satmint.model.incarnation import Copy, DatabaseCopied
from satmint.model.refusals import StoreUnavailable
from satmint.settings import Settings, SettingsError
from satmint.store.contract import DatabaseInspection, SchemaUnknown
from satmint.stores import find_copy, inspect_database

_REMEDIES: Final = {
    "no_such_file": "run `satmint db migrate` for a new deployment, or correct database",
    "postgres_lost": "start PostgreSQL, or correct host and port in database",
    "postgres_28p01": "correct the password in database",
    "postgres_28000": "correct the user in database, or permit it in pg_hba.conf",
    "postgres_3d000": "create the database, or correct its name in database",
    "postgres_read_only": "name the primary in database; end default_transaction_read_only",
    "postgres_fsync_off": "set fsync = on in postgresql.conf and reload",
    "postgres_commits_not_durable": (
        "`ALTER ROLE … RESET synchronous_commit`, or set it on in postgresql.conf or the database"
    ),
    "postgres_isolation_unsupported": (
        "`ALTER ROLE … RESET default_transaction_isolation`, or set it to read committed"
    ),
    "postgres_pooler": "set database_pooler",
    "sqlite_notadb": "name the right file in database, or restore it with `satmint db restore`",
    "sqlite_corrupt": "restore it with `satmint db restore`",
}
_REMEDY: Final = "see docs/troubleshooting.md for this reason"


async def examine_database(settings: Settings, keyring: Keyring | None) -> Sequence[Finding]:
    """Inspect the database, which is only read.

    Args:
        settings: The settings.
        keyring: The keyring; None if it cannot be read.
    """
    name = without_password(settings.database)
    try:
        inspected, copied = await _inspect(settings)
    except (SchemaUnknown, StoreUnavailable, SettingsError, DatabaseCopied) as failure:
        return [_unusable(name, failure)]
    findings = [ok("database.reachable", f"{name} answers")]
    if inspected.pending:
        missing = ", ".join(inspected.pending)
        findings.append(
            error(
                "database.schema",
                f"the database lacks {missing}",
                "make a backup, then run `satmint db migrate`",
            )
        )
    else:
        findings.append(ok("database.schema", "the schema is that of this version"))
        findings += _content(inspected, keyring)
        findings.append(copied)
    findings.append(_durability(inspected))
    if inspected.server is not None:
        findings += examine_server(settings, inspected.server)
    return findings


async def _inspect(settings: Settings) -> tuple[DatabaseInspection, Finding]:
    check = "database.incarnation"
    clock = SystemClock()
    inspected = await inspect_database(settings, clock)
    copied = None
    if not inspected.pending:
        try:
            copied = await find_copy(settings, inspected, clock)
        except SettingsError as failure:
            return inspected, error(check, str(failure), "correct the owner and mode of the file")
    if copied is not None:
        what = "has moved" if copied.copy is Copy.SUCCEEDED else "is a copy"
        return inspected, error(check, f"the database {what}: {copied}", _adopt(copied))
    if inspected.incarnation is None:
        return inspected, ok(check, "no server has started on the database yet")
    return inspected, ok(
        check, f"the database is the original, in its incarnation {inspected.incarnation.number}"
    )


def _adopt(copied: DatabaseCopied) -> str:
    if copied.copy is Copy.UNFINISHED:
        return "run `satmint db copy` again with the same databases"
    if copied.copy is Copy.SUCCEEDED:
        return "use the database to which it was copied"
    restore = "`satmint db restore FILE` or " if copied.copy is Copy.BACKUP else ""
    moved = "; if it was only moved, `satmint db adopt --moved`" if copied.copy is not None else ""
    return f"run {restore}`satmint db adopt`, which ends every session{moved}"


def _unusable(name: str, failure: Exception) -> Finding:
    if isinstance(failure, SchemaUnknown):
        remedy = "use the version of satmint that has migrated it last, or restore a backup"
        return error("database.schema", f"{name}: {failure}", remedy)
    if isinstance(failure, DatabaseCopied):
        return error("database.incarnation", f"{name}: {failure}", _adopt(failure))
    if isinstance(failure, StoreUnavailable):
        reason = database_reason(failure.cause)
        remedy = _REMEDIES.get(failure.cause, _REMEDY)
        return error("database.reachable", f"{name} cannot be used: {reason}", remedy)
    return error("database.reachable", str(failure), "correct database")


def _content(inspected: DatabaseInspection, keyring: Keyring | None) -> Iterator[Finding]:
    if inspected.faults:
        yield error(
            "database.references",
            "; ".join(inspected.faults),
            "run `satmint db check`; restore a backup if rows are missing, `REINDEX` for an index",
        )
    else:
        yield ok("database.references", "tokens and webhooks belong to projects that exist")
    if keyring is None:
        yield skipped("database.keyring", "the keyring cannot be read")
    elif not inspected.known_keys:
        yield ok("database.keyring", "no keyring has served the database yet")
    elif inspected.known_keys.isdisjoint(key.id for key in keyring.keys):
        yield error(
            "database.keyring",
            "no key of the keyring has served this database: tokens and secrets of webhooks"
            " cannot be read",
            "set keyring to the keyring of this database; if it was replaced on purpose, run"
            " `satmint keys adopt`",
        )
    elif keyring.active.id not in inspected.known_keys:
        yield ok("database.keyring", "the keyring is that of the database; its active key is new")
    else:
        yield ok("database.keyring", "the keyring is that of the database")


def _durability(inspected: DatabaseInspection) -> Finding:
    check, server = "database.durability", inspected.server
    if inspected.cause:
        remedy = _REMEDIES.get(inspected.cause, _REMEDY)
        return error(check, f"writes are refused: {database_reason(inspected.cause)}", remedy)
    if server is None:
        return ok(check, "commits are synchronised (journal_mode = WAL, synchronous = FULL)")
    if not server.fsync:
        return warning(
            check,
            "fsync is off, which database_without_fsync accepts: a crash loses data",
            "set fsync = on in postgresql.conf, and unset database_without_fsync",
        )
    if not server.full_page_writes:
        return warning(
            check,
            "full_page_writes is off: a crash can tear pages",
            "set full_page_writes = on in postgresql.conf, unless the file system rules it out",
        )
    return ok(check, f"commits are durable (synchronous_commit = {server.synchronous_commit})")
