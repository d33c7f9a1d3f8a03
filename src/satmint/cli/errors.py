"""Converts exceptions to failures with messages for the user of a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from satmint.cli.report import Failure
from satmint.maintenance import SchemaUnknown
from satmint.model.database_url import without_password
from satmint.model.incarnation import DatabaseCopied
from satmint.model.refusals import NotFound, Refusal, StoreUnavailable, Unprocessable
from satmint.settings import Settings, SettingsError

_DATABASE: Final = {
    "database_busy": "all connections are in use",
    "no_such_file": "the file does not exist",
    "postgres_28000": "the server does not accept this user",
    "postgres_28p01": "the password is wrong",
    "postgres_3d000": "the database does not exist",
    "postgres_53300": "the server has too many connections",
    "postgres_commits_not_durable": "synchronous_commit is off: commits are not durable; set it on",
    "postgres_isolation_unsupported": "the isolation level must be read committed or serializable",
    "postgres_lost": "the server is unreachable",
    "postgres_read_only": "the server is read-only or a replica",
    "postgres_tls_failed": "TLS failed: check sslmode, sslrootcert and the certificates",
    "postgres_without_tls": "the server does not offer TLS, which sslmode requires",
    "postgres_timeout": "the server did not respond in time",
    "postgres_url_not_understood": "the URL is invalid",
    "sqlite_busy": "another process holds a lock",
    "sqlite_cantopen": "the file cannot be opened",
    "sqlite_corrupt": "the file is corrupt",
    "sqlite_full": "the disk is full",
    "sqlite_ioerr": "the disk reported an error",
    "sqlite_notadb": "the file is not a database",
    "sqlite_perm": "permission denied",
    "sqlite_readonly": "the database is read-only",
}


@contextmanager
def failures_for_user(settings: Settings) -> Iterator[None]:
    """Convert refusals and file errors to a `Failure`. Other exceptions are bugs and propagate.

    Raises:
        Failure: a refusal or a file error was raised.
    """
    try:
        yield
    except SettingsError as error:
        raise Failure(str(error)) from error
    except (SchemaUnknown, DatabaseCopied) as error:
        raise Failure(f"cannot use {without_password(settings.database)}: {error}") from error
    except StoreUnavailable as error:
        reason = _DATABASE.get(error.cause, error.cause)
        raise Failure(f"cannot use {without_password(settings.database)}: {reason}") from error
    except Unprocessable as refusal:
        raise Failure("; ".join(error.message for error in refusal.field_errors)) from refusal
    except NotFound as refusal:
        raise Failure(f"there is no such {refusal.cause.replace('_', ' ')}") from refusal
    except Refusal as refusal:
        raise Failure(f"refused: {refusal}") from refusal
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(error_reason(error)) from error


def error_reason(error: OSError) -> str:
    """The reason of a file error, with the name of the file if known."""
    reason = (error.strerror or str(error)).lower()
    return reason if error.filename is None else f"{error.filename}: {reason}"
