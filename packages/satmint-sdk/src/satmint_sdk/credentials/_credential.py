"""Credentials and credential providers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from satmint_sdk.credentials.errors import InvalidCredential

_MAX_MILLISECONDS: Final = 2**53
"""The largest integer that a browser represents exactly."""


@dataclass(frozen=True, slots=True, init=False)
class Credential:
    """A token with its expiry, or an authorization state.

    The repr shows neither the token nor the authorization state.

    Attributes:
        token: A Subscriber Access Token; empty if there is only an authorization state.
        expiry_at: Its expiry in **milliseconds** since the epoch, as in the browser SDK; `None` if
            unknown. 0 counts as `None`.
        authorization_state: The gateway's state for resuming a session.
        scope: The token's scope, separated by blanks, if the provider knows it; `None` lets the
            session ask the server.

    Raises:
        InvalidCredential: There is neither a token nor an authorization state; the token is not
            ASCII or has blanks; or `expiry_at` is not a number of milliseconds.
    """

    token: str = field(default="", repr=False)
    expiry_at: int | None = None
    authorization_state: str | None = field(default=None, repr=False)
    scope: str | None = field(default=None, repr=False)

    def __init__(
        self,
        token: str = "",
        expiry_at: int | None = None,
        authorization_state: str | None = None,
        scope: str | None = None,
    ) -> None:
        for name, value in (
            ("token", token or ""),
            ("authorization_state", authorization_state),
            ("scope", scope),
            ("expiry_at", None),
        ):
            object.__setattr__(self, name, value)
        del token, authorization_state  # reporters of errors show the variables of this frame
        resumes = isinstance(self.authorization_state, str) and self.authorization_state != ""
        if not _is_token(self.token) and not (self.token == "" and resumes):
            raise InvalidCredential("the token must be a non-empty string of ASCII without blanks")
        if expiry_at is not None:
            object.__setattr__(self, "expiry_at", _milliseconds(expiry_at) or None)


def checked(answer: object) -> Credential:
    """Check that a provider's result is a credential.

    Raises:
        InvalidCredential: It is not.
    """
    if not isinstance(answer, Credential):
        raise InvalidCredential("the provider returned something that is not a Credential")
    return answer


def required_token(credential: Credential) -> str:
    """The token of a credential.

    Raises:
        InvalidCredential: It has only an authorization state.
    """
    if not credential.token:
        raise InvalidCredential("the credential has an authorization state and no token")
    return credential.token


def _is_token(value: object) -> bool:
    if not isinstance(value, str) or value == "":
        return False
    return value.isascii() and value.isprintable() and " " not in value


def _milliseconds(value: object) -> int:
    """Accept an integer or float of milliseconds; no boolean, no NaN."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not 0 <= value <= _MAX_MILLISECONDS
    ):
        raise InvalidCredential("expiry_at must be milliseconds since the epoch")
    return int(value)


@dataclass(frozen=True, slots=True)
class AuthenticateContext:
    """The context that a session passes to its provider.

    Attributes:
        fingerprint: RFC 7638 thumbprint of the session's key, to bind the token to; `None` if the
            session has no key.
    """

    fingerprint: str | None = None


@runtime_checkable
class CredentialProvider(Protocol):
    """Provides a session's first credential [seed 4].

    A provider may also be a `RefreshingCredentialProvider`.
    """

    async def authenticate(self, context: AuthenticateContext | None = None) -> Credential:
        """Obtain a credential for a new session.

        Args:
            context: The key to bind the credential to.

        Raises:
            Exception: On failure. A `TransientRefreshError`, an `OSError` and a transient
                `SignalWireRestError` (no response, 408, 425, 429, 5xx) are retried.
        """
        ...


@runtime_checkable
class RefreshingCredentialProvider(CredentialProvider, Protocol):
    """A provider that can also refresh a credential."""

    async def refresh(self) -> Credential:
        """Obtain a fresh credential.

        Called only if the last one has an expiry, and is not refreshed with the session's key.

        Raises:
            Exception: As in `authenticate`. A permanent error stops refreshing; the current
                credential then stays valid until it expires.
        """
        ...


@runtime_checkable
class RevokingCredentialProvider(CredentialProvider, Protocol):
    """A provider that can end the session on the server."""

    async def revoke(self) -> bool:
        """Revoke all tokens of the session. Called by `CredentialSession.logout`.

        Returns:
            Whether they are revoked; false if the server cannot do it for this provider.

        Raises:
            Exception: On failure.
        """
        ...
