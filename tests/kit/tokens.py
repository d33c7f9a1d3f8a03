"""Looking into a running server's tokens with its own keyring, as its operator could."""

from pathlib import Path

from satmint.jose import Keyring, TokenCipher
from satmint.model.claims import Claims, TokenType
from satmint.model.entropy import SystemEntropy


class Loupe:
    """Opens what a development server sealed."""

    def __init__(self, folder: Path) -> None:
        self._safe = TokenCipher(
            Keyring.from_jwks((folder / "keyring.json").read_text()), SystemEntropy()
        )

    def sat(self, token: str) -> Claims:
        """The claims of a SAT."""
        return self._safe.open(token, TokenType.SAT).claims

    def refresh_token(self, token: str) -> Claims:
        """The claims of a refresh token."""
        return self._safe.open(token, TokenType.REFRESH).claims
