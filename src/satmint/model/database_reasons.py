"""Why a database cannot be used, for operators."""

from typing import Final

_POOLER: Final = (
    "a pooler in transaction mode is in between: set database_pooler (PgBouncer), or connect to the"
    " server itself"
)
REASONS: Final = {
    "database_busy": "all connections are in use",
    "no_such_file": "the file does not exist",
    "postgres_26000": _POOLER,
    "postgres_28000": "the server does not accept this user",
    "postgres_28p01": "the password is wrong",
    "postgres_3d000": "the database does not exist",
    "postgres_42501": "the user lacks a privilege: grant it SELECT, INSERT, UPDATE and DELETE",
    "postgres_42p05": _POOLER,
    "postgres_53100": "the server's disk is full",
    "postgres_53300": "the server has too many connections",
    "postgres_commits_not_durable": "synchronous_commit is off: commits are not durable; set it on",
    "postgres_encoding_unsupported": (
        "its encoding is not UTF8: create it anew with ENCODING 'UTF8' TEMPLATE template0"
    ),
    "postgres_fsync_off": (
        "fsync is off: a crash of its machine loses commits or the whole database; set it on, or"
        " for tests, set database_without_fsync"
    ),
    "postgres_is_a_node": "the server is a node of a Citus cluster: connect to the coordinator",
    "postgres_isolation_unsupported": "the isolation level must be read committed or serializable",
    "postgres_lost": "the server is unreachable",
    "postgres_not_replicated": (
        "the wait for the synchronous standby was cancelled, or a node of a cluster did not commit"
    ),
    "postgres_options_refused": "the server does not accept the options of the URL",
    "postgres_pooler": _POOLER,
    "postgres_read_only": "the server is read-only or a replica",
    "postgres_tls_failed": "TLS failed: check sslmode, sslrootcert and the certificates",
    "postgres_without_tls": "the server does not offer TLS, which sslmode requires",
    "postgres_timeout": "the server did not respond in time",
    "postgres_too_old": "PostgreSQL is older than version 14",
    "postgres_url_not_understood": "the URL is invalid",
    "schema_unknown": "the schema is not the one of this version: run `satmint db migrate`",
    "sqlite_busy": "another process holds a lock",
    "sqlite_cantopen": "the file cannot be opened",
    "sqlite_commits_not_durable": (
        "SQLite does not synchronise commits (PRAGMA synchronous is below FULL): start again"
    ),
    "sqlite_corrupt": "the file is corrupt",
    "sqlite_full": "the disk is full",
    "sqlite_ioerr": "the disk reported an error",
    "sqlite_no_wal": (
        "the file system does not support the write-ahead log (journal_mode = WAL), which needs"
        " shared memory: use a local disk"
    ),
    "sqlite_notadb": "the file is not a database",
    "sqlite_perm": "permission denied",
    "sqlite_readonly": "the database is read-only",
    "sqlite_replaced": "the file was replaced or deleted while it was in use: start again",
    "sqlite_too_old": "SQLite is older than version 3.37",
}
"""By the cause of a `StoreUnavailable`."""

_TEMPORARY: Final = frozenset(
    {
        *("database_busy", "postgres_lost", "postgres_timeout", "postgres_read_only"),
        *("postgres_53100", "postgres_53200", "postgres_53300", "sqlite_busy", "sqlite_full"),
    }
)


def is_temporary(cause: str) -> bool:
    """Whether a database that cannot be opened because of `cause` may be there again by itself."""
    return cause in _TEMPORARY


def database_reason(cause: str) -> str:
    """A sentence for the cause of a `StoreUnavailable`; the cause itself if there is none."""
    return REASONS.get(cause, cause)
