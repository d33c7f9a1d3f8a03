"""The two refresh mechanisms. At most one is in use at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Protocol

from satmint_sdk.credentials._credential import (
    Credential,
    RefreshingCredentialProvider,
    checked,
)
from satmint_sdk.credentials._events import MechanismName
from satmint_sdk.credentials.bound._devices import Devices


class Mechanism(Protocol):
    """A way to refresh a credential."""

    name: ClassVar[MechanismName]

    async def attempt(self, current: Credential) -> Credential:
        """Try once. Raises every error; `RefreshAttempt` classifies it."""
        ...


class ByProvider:
    """The provider's own `refresh()`."""

    name: ClassVar[MechanismName] = "provider"

    def __init__(self, provider: RefreshingCredentialProvider) -> None:
        self._provider = provider

    async def attempt(self, current: Credential) -> Credential:  # noqa: ARG002 - the provider knows
        """Call the provider."""
        return checked(await self._provider.refresh())


class ByKey:
    """Client Bound SAT: the session's key signs a proof for every refresh (RFC 9449).

    Args:
        devices: The server's endpoints.
        expire_in: Lifetime in seconds to request.
    """

    name: ClassVar[MechanismName] = "bound"

    def __init__(self, devices: Devices, expire_in: int) -> None:
        self._devices = devices
        self._expire_in = expire_in
        self._last_token: str | None = None

    @property
    def activated(self) -> bool:
        """Whether it has succeeded before."""
        return self._last_token is not None

    def has_issued(self, token: str) -> bool:
        """Whether this is the last token that it has brought."""
        return token == self._last_token

    async def attempt(self, current: Credential) -> Credential:
        """Exchange the current token for a bound one, or refresh it if it is bound."""
        fresh = await self._devices.exchange(
            current.token,
            bound=current.token == self._last_token,
            expire_in=self._expire_in,
        )
        self._last_token = fresh.token
        return replace(fresh, authorization_state=current.authorization_state)
