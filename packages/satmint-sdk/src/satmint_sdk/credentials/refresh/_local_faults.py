"""Faults of this machine that only a person can mend: no directory, no permission, unknown CA."""

from __future__ import annotations

import errno
import sys
from typing import Final

from satmint_sdk.credentials.errors import CredentialError

_OF_A_PATH: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)
_ERRNOS: Final = frozenset({errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP})
_BUNDLE: Final = frozenset({"NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE"})
_MAX_CAUSES: Final = 16


def is_local_fault(error: BaseException) -> bool:
    """Whether trying again within seconds is useless, because this machine is set up wrongly.

    A sign-in reports such an error at once. A refresh goes on trying: a person may mend it while
    the current credential is valid.

    Args:
        error: An error of a store, or of a request without a response.
    """
    if isinstance(error, OSError) and not isinstance(error, CredentialError):
        return isinstance(error, _OF_A_PATH) or error.errno in _ERRNOS
    ssl = sys.modules.get("ssl")
    cause: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if cause is None or ssl is None:
            return False
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        if isinstance(cause, ssl.SSLError) and cause.reason in _BUNDLE:
            return True
        cause = cause.__cause__ or cause.__context__
    return False
