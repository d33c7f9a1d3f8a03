"""A provider of an existing credential."""

from __future__ import annotations

from satmint_sdk.credentials._credential import AuthenticateContext, Credential


class StaticCredentialProvider:
    """Returns the credential that it was created with [seed 4].

    If the token's scope is `sat:refresh`, the session refreshes it with its key; otherwise it is
    not refreshed.

    Args:
        credential: The credential.
    """

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    async def authenticate(
        self,
        context: AuthenticateContext | None = None,  # noqa: ARG002 - it was bound at its issue
    ) -> Credential:
        """Return the credential."""
        return self._credential
