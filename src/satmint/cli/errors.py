"""Converts exceptions to failures with messages for the user of a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from satmint.cli.report import Failure
from satmint.maintenance import SchemaUnknown
from satmint.model.database_reasons import database_reason
from satmint.model.database_url import without_password
from satmint.model.incarnation import DatabaseCopied
from satmint.model.refusals import NotFound, Refusal, StoreUnavailable, Unprocessable
from satmint.settings import Settings, SettingsError


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
        reason = database_reason(error.cause)
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
