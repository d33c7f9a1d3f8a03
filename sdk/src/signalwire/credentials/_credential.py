"""The vocabulary: what is kept fresh, and who provides it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from signalwire.credentials.errors import InvalidCredential

_LARGEST: Final = 2**53
"""The largest number of milliseconds that a browser counts exactly."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A token and its end, never one without the other.

    The repr shows neither the token nor the authorization state.

    Attributes:
        token: A Subscriber Access Token.
        expiry_at: Its end in **milliseconds** since the epoch, as in the browser SDK; `None`
            where it is not known.
        authorization_state: What a gateway handed out to resume a session with.

    Raises:
        InvalidCredential: The token is empty or not plain ASCII, or `expiry_at` is no whole number
            of milliseconds.
    """

    token: str = field(repr=False)
    expiry_at: int | None = None
    authorization_state: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _is_token(self.token):
            raise InvalidCredential("the token must be a non-empty string of ASCII")
        if self.expiry_at is not None:
            object.__setattr__(self, "expiry_at", _milliseconds(self.expiry_at))


def checked(answer: object) -> Credential:
    """Take what a provider handed out, if it is a credential at all.

    Raises:
        InvalidCredential: It is something else.
    """
    if not isinstance(answer, Credential):
        raise InvalidCredential("the provider handed out something that is no Credential")
    return answer


def _is_token(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isascii()


def _milliseconds(value: object) -> int:
    """Accept what counts milliseconds, be it a float; never a boolean, never NaN."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not 0 <= value <= _LARGEST
    ):
        raise InvalidCredential("expiry_at must be milliseconds since the epoch")
    return int(value)


@dataclass(frozen=True, slots=True)
class AuthenticateContext:
    """What a session tells its provider.

    Attributes:
        fingerprint: RFC 7638 thumbprint of the session's key, to bind the token to; `None` where
            the session has no key.
    """

    fingerprint: str | None = None


@runtime_checkable
class CredentialProvider(Protocol):
    """Where a session gets its first credential from [seed 4].

    A provider may also be a `RefreshingCredentialProvider`.
    """

    async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
        """Obtain a credential for a new session.

        Args:
            context: What to bind the credential to.

        Raises:
            Exception: It is not possible. A `TransientRefreshError`, an `OSError` and a
                `SignalWireRestError` that may pass (no answer, 408, 425, 429, 5xx) are tried again.
        """
        ...


@runtime_checkable
class RefreshingCredentialProvider(CredentialProvider, Protocol):
    """A provider that can also replace a credential before it expires."""

    async def refresh(self) -> Credential:
        """Obtain a fresh credential. Called by the session, and only where the last had an end.

        Raises:
            Exception: As in `authenticate`. Any error that may not pass stops the schedule; the
                current credential then goes on until it expires.
        """
        ...
