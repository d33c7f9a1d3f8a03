"""What a session and its providers can end in.

Exception
└── CredentialError
    ├── InvalidCredential       a provider handed out something that is of no use
    ├── RefreshFailed           there will be no fresh credential any more
    ├── CredentialExpired       the credential is dead and no fresh one came in time
    ├── SessionClosed           the session is not open, or not in this process
    ├── StoreError              a refresh token store holds something unreadable
    │   └── StoreLocked         somebody else held its lock for too long
    ├── GatewayError            a live session cannot go on, or not as wished
    │   ├── GatewayRefused      the gateway said no, and will not say anything else
    │   ├── GatewayUnreachable  no connection came about in time
    │   └── SessionRevoked      the session was ended by whoever may do so
    └── TransientRefreshError   not now, perhaps later: for providers to raise
"""

from __future__ import annotations


class CredentialError(Exception):
    """Something is wrong with a credential, or with what keeps it."""


class InvalidCredential(CredentialError):
    """A provider handed out a credential without a token, or one that is already past its end."""


class RefreshFailed(CredentialError):
    """The schedule has stopped; the current credential goes on until it expires.

    Attributes:
        cause_code: Why, in one stable word; see `signalwire.credentials.Failed`.
    """

    def __init__(self, cause_code: str, detail: str) -> None:
        super().__init__(cause_code, detail)
        self.cause_code = cause_code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.cause_code}: {self.detail}"


class CredentialExpired(CredentialError):
    """The credential is past its end. `__cause__` is the error that kept a fresh one away."""


class SessionClosed(CredentialError):
    """The session was not opened yet, has been closed, or was opened by a parent process."""


class StoreError(CredentialError):
    """A refresh token store holds something that is no token record, and it was left as it is."""


class StoreLocked(StoreError):
    """Somebody else held the lock of a refresh token store for longer than one may wait."""


class GatewayError(CredentialError):
    """A live session cannot go on, or not as it was wished."""


class GatewayRefused(GatewayError):
    """The gateway answered a request with an error that will not pass.

    Attributes:
        method: What was asked.
        code: The JSON-RPC error code.
        message: The gateway's sentence, in one line and without tokens.
    """

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__(method, code, message)
        self.method = method
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.method} was refused with {self.code}: {self.message}"


class GatewayUnreachable(GatewayError):
    """No connection came about in the time that one may be waited for."""


class SessionRevoked(GatewayError):
    """The session was ended by whoever may do so; its tokens are dead. Sign in anew."""


class TransientRefreshError(CredentialError):
    """A provider could not refresh just now. Raise it to be asked again, after a pause.

    Args:
        detail: Why, for a log; never a token.
        retry_after: Seconds to wait at least; `None` leaves it to the session.
    """

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail, retry_after)
        self.detail = detail
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.detail
