"""The two ways in which a session gets a fresh credential. At most one is armed at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Protocol

from signalwire.credentials._credential import (
    Credential,
    RefreshingCredentialProvider,
    checked,
)
from signalwire.credentials._devices import Devices


class Mechanism(Protocol):
    """A way to replace a credential."""

    name: ClassVar[str]

    async def attempt(self, current: Credential) -> Credential:
        """Try once. Whatever goes wrong is raised, and judged by the flight."""
        ...


class ByProvider:
    """The provider's own `refresh()`."""

    name: ClassVar[str] = "provider"

    def __init__(self, provider: RefreshingCredentialProvider) -> None:
        self._provider = provider

    async def attempt(self, current: Credential) -> Credential:  # noqa: ARG002 - the provider knows
        """Ask the provider."""
        return checked(await self._provider.refresh())


class ByKey:
    """Client Bound SAT: the session's key signs for every refresh (RFC 9449).

    Args:
        devices: The server's endpoints.
        expire_in: Seconds of life to ask for, each time.
    """

    name: ClassVar[str] = "bound"

    def __init__(self, devices: Devices, expire_in: int) -> None:
        self._devices = devices
        self._expire_in = expire_in
        self._brought: str | None = None

    async def attempt(self, current: Credential) -> Credential:
        """Exchange the current token for a bound one, or refresh the bound one that it is."""
        fresh = await self._devices.exchange(
            current.token,
            bound=current.token == self._brought,
            expire_in=self._expire_in,
        )
        self._brought = fresh.token
        return replace(fresh, authorization_state=current.authorization_state)
