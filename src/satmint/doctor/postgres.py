"""The settings and the state of a PostgreSQL server that matter to satmint."""

from collections.abc import Iterator
from typing import Final

from satmint.doctor.finding import Finding, error, ok, skipped, warning
from satmint.settings import Settings
from satmint.store.contract import ServerFacts

RESERVED_CONNECTIONS: Final = 3
"""What a process opens besides `database_connections`."""
_OLDEST: Final = 140_000
_MAX_DIFFERENCE_SECONDS: Final = 2.0
_BROKEN_DIFFERENCE_SECONDS: Final = 60.0


def examine_server(settings: Settings, server: ServerFacts) -> Iterator[Finding]:
    """Judge what an inspection has read."""
    major, minor = divmod(server.version, 10_000)
    if server.version < _OLDEST:
        yield error(
            "postgres.version",
            f"PostgreSQL {major}.{minor} is too old",
            "upgrade it to 14 or later",
        )
    else:
        yield ok("postgres.version", f"PostgreSQL {major}.{minor}")
    yield _clock(server)
    yield _connections(settings, server)
    yield _pooler(settings, server)
    yield _standbys(server)
    yield _timeouts(server)
    yield _autovacuum(server)


def _clock(server: ServerFacts) -> Finding:
    check, seconds = "postgres.clock", abs(server.clock_difference)
    if seconds <= max(_MAX_DIFFERENCE_SECONDS, server.round_trip):
        return ok(check, "its clock and this machine's agree")
    side = "ahead of" if server.clock_difference > 0 else "behind"
    found = f"this machine's clock is {seconds:.0f} s {side} the database's"
    remedy = "synchronise the clocks of both machines (NTP); servers go by the database's"
    if seconds > _BROKEN_DIFFERENCE_SECONDS:
        return error(check, found, remedy)
    return warning(check, found, remedy)


def _connections(settings: Settings, server: ServerFacts) -> Finding:
    check = "postgres.connections"
    each = settings.database_connections + RESERVED_CONNECTIONS
    wanted = settings.workers * each
    counted = f"{settings.workers} × ({settings.database_connections} + {RESERVED_CONNECTIONS})"
    remedy = "raise max_connections, lower database_connections or workers, or use a pooler"
    if server.behind_pooler:
        return ok(check, f"a server opens up to {wanted} connections ({counted}) to the pooler")
    if wanted > server.max_connections:
        return error(
            check,
            f"a server opens up to {wanted} connections ({counted}), and PostgreSQL allows"
            f" {server.max_connections}",
            remedy,
        )
    free = server.max_connections - server.other_connections
    if wanted > free:
        return warning(
            check,
            f"a server opens up to {wanted} connections ({counted}), and other programs leave"
            f" {free} of {server.max_connections}",
            remedy,
        )
    fitting = free // wanted
    servers = "1 server fits" if fitting == 1 else f"{fitting} servers fit"
    return ok(
        check, f"a server opens up to {wanted} of {server.max_connections} ({counted}): {servers}"
    )


def _pooler(settings: Settings, server: ServerFacts) -> Finding:
    check = "postgres.pooler"
    if server.behind_pooler and not settings.database_pooler:
        return warning(
            check,
            "a pooler is in between, and database_pooler is not set",
            "set database_pooler, unless the pooler is in session mode",
        )
    if settings.database_pooler and not server.behind_pooler:
        return warning(
            check,
            "database_pooler is set, and no pooler is in between: each request costs more",
            "unset database_pooler",
        )
    return ok(check, "a pooler is in between" if server.behind_pooler else "no pooler in between")


def _standbys(server: ServerFacts) -> Finding:
    check = "postgres.standbys"
    if not server.synchronous_standbys:
        return ok(check, "commits wait for no standby: a failover may lose the latest ones")
    if server.connected_standbys is None:
        return skipped(
            check,
            f"commits wait for {server.synchronous_standbys}; the user may not see the standbys",
            "grant it pg_read_all_stats",
        )
    if not server.connected_standbys:
        return error(
            check,
            f"commits wait for {server.synchronous_standbys}, and no such standby is connected:"
            " every write hangs",
            "start the standby, or change synchronous_standby_names",
        )
    return ok(check, f"commits wait for a standby of {server.synchronous_standbys}")


def _timeouts(server: ServerFacts) -> Finding:
    check, seconds = "postgres.timeouts", server.idle_session_seconds
    if seconds:
        return warning(
            check,
            f"PostgreSQL ends idle connections after {seconds:g} s: servers open them again and"
            " again",
            "`ALTER ROLE … SET idle_session_timeout = 0` for the user of the servers",
        )
    return ok(check, "idle connections stay open; servers set the other time limits themselves")


def _autovacuum(server: ServerFacts) -> Finding:
    check = "postgres.autovacuum"
    if not server.autovacuum:
        return warning(
            check,
            "autovacuum is off: tables grow without end",
            "set autovacuum = on and track_counts = on in postgresql.conf",
        )
    if server.tables_without_autovacuum:
        tables = ", ".join(server.tables_without_autovacuum)
        return warning(
            check,
            f"autovacuum is off for {tables}",
            "`ALTER TABLE … RESET (autovacuum_enabled)` for each",
        )
    return ok(check, "autovacuum is on")
