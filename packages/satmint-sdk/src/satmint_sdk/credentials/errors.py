"""Errors of sessions and providers.

How they descend from each other:

    Exception
    └── CredentialError
        ├── InvalidCredential       a provider returned an unusable credential
        ├── RefreshFailed           the credential cannot be refreshed any more
        ├── CredentialExpired       the credential has expired and was not refreshed in time
        ├── CredentialRefused       a server refused the credential, and it was not replaced in time
        ├── SessionClosed           the session is not open in this process
        ├── StoreError              a refresh token store has unreadable content
        │   ├── StoreLocked         its lock was not free in time
        │   └── StoreUnavailable    an operation of a store failed; it may succeed later
        ├── GatewayError            a live session failed
        │   ├── GatewayRefused      the gateway refused a request permanently
        │   ├── GatewayUnreachable  no connection in time
        │   └── SessionRevoked      the session was revoked
        └── TransientRefreshError   a transient failure, for providers to raise
"""

from __future__ import annotations


class CredentialError(Exception):
    """The root of all errors of credentials."""


class InvalidCredential(CredentialError):
    """A provider returned a credential that has no valid token or has expired."""


class RefreshFailed(CredentialError):
    """Refreshing has stopped; the current credential stays valid until it expires.

    Attributes:
        cause_code: A stable word; see `satmint_sdk.credentials.Failed`.
    """

    def __init__(self, cause_code: str, detail: str) -> None:
        super().__init__(cause_code, detail)
        self.cause_code = cause_code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.cause_code}: {self.detail}"


class CredentialExpired(CredentialError):
    """The credential has expired. `__cause__` is the error that prevented its refresh."""


class CredentialRefused(CredentialError):
    """A server refused the credential, and it was not replaced in time.

    `__cause__` is the error that prevented it. `login()` signs in again.
    """


class SessionClosed(CredentialError):
    """The session was not opened yet, has been closed, or was opened by a parent process."""


class StoreError(CredentialError):
    """A refresh token store's content is not a token record; it is unchanged.

    A store raises this, and not a subclass, where trying again is useless: it ends refreshing. Any
    other exception of a store is taken as passing, and its operation is tried again.
    """


class StoreLocked(StoreError):
    """The lock of a refresh token store was not free in time."""


class StoreUnavailable(StoreError):
    """An operation of a refresh token store failed; it may succeed later.

    `__cause__` is what the store raised.
    """


class GatewayError(CredentialError):
    """A live session failed, or a request on it."""


class GatewayRefused(GatewayError):
    """The gateway answered a request with a permanent error.

    Attributes:
        method: The requested method.
        code: The JSON-RPC error code.
        message: The gateway's message, in one line and without tokens.
    """

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__(method, code, message)
        self.method = method
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.method} was refused with {self.code}: {self.message}"


class GatewayUnreachable(GatewayError):
    """The gateway could not be reached in time."""


class SessionRevoked(GatewayError):
    """The session was revoked; its tokens are invalid. Sign in again."""


class TransientRefreshError(CredentialError):
    """A transient failure of a provider. Raise it to be called again after a pause.

    Args:
        detail: The reason, for a log; never a token.
        retry_after: Minimum seconds to wait; `None` to let the session decide.
    """

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail, retry_after)
        self.detail = detail
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.detail
