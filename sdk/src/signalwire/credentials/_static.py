"""A credential that somebody already has."""

from __future__ import annotations

from signalwire.credentials._credential import AuthenticateContext, Credential


class StaticCredentialProvider:
    """Hands out the credential that it was given [seed 4].

    Where the token's scope is `sat:refresh`, the session keeps it fresh with its key; otherwise the
    credential serves for the whole session.

    Args:
        credential: The credential.
    """

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    async def authenticate(
        self,
        context: AuthenticateContext | None = None,  # noqa: ARG002 - it was bound at its issue
    ) -> Credential:
        """Hand out the credential."""
        return self._credential
