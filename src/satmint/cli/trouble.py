"""What goes wrong inside, in words for whoever typed the command."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from satmint.cli.report import Failure
from satmint.model.database_url import without_password
from satmint.model.refusals import NotFound, Refusal, StoreUnavailable, Unprocessable
from satmint.settings import Settings, SettingsError
from satmint.upkeep import SchemaUnknown

_DATABASE: Final = {
    "database_busy": "all connections to it are in use",
    "no_such_file": "there is no such file",
    "postgres_28000": "it lets nobody in under that name",
    "postgres_28p01": "the password is not right",
    "postgres_3d000": "there is no such database",
    "postgres_53300": "it has too many connections already",
    "postgres_commits_not_durable": "synchronous_commit is off: it could lose what it acknowledged",
    "postgres_isolation_unsupported": "transactions must be read committed or serializable",
    "postgres_lost": "it cannot be reached",
    "postgres_read_only": "it is a replica, or for reading only",
    "postgres_timeout": "it does not answer in time",
    "postgres_url_not_understood": "the URL makes no sense",
    "sqlite_busy": "another process holds a lock on it",
    "sqlite_cantopen": "the file cannot be opened",
    "sqlite_corrupt": "the file is damaged",
    "sqlite_full": "the disk is full",
    "sqlite_ioerr": "the disk reports an error",
    "sqlite_notadb": "the file is no database",
    "sqlite_perm": "permission denied",
    "sqlite_readonly": "it cannot be written",
}


@contextmanager
def in_words(settings: Settings) -> Iterator[None]:
    """Turn what the rooms below raise into a `Failure`; a bug stays what it is.

    Raises:
        Failure: in place of a refusal, or of trouble with a file.
    """
    try:
        yield
    except SettingsError as error:
        raise Failure(str(error)) from error
    except SchemaUnknown as error:
        raise Failure(f"cannot use {without_password(settings.database)}: {error}") from error
    except StoreUnavailable as error:
        reason = _DATABASE.get(error.cause, error.cause)
        raise Failure(f"cannot use {without_password(settings.database)}: {reason}") from error
    except Unprocessable as refusal:
        raise Failure("; ".join(fault.message for fault in refusal.faults)) from refusal
    except NotFound as refusal:
        raise Failure(f"there is no such {refusal.cause.replace('_', ' ')}") from refusal
    except Refusal as refusal:
        raise Failure(f"refused: {refusal}") from refusal
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(because(error)) from error


def because(error: OSError) -> str:
    """Which file, and what the system says of it."""
    reason = (error.strerror or str(error)).lower()
    return reason if error.filename is None else f"{error.filename}: {reason}"
