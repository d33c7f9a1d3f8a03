"""The fake service of `satmint_sdk.testing`, with what only the tests of this package look at."""

from __future__ import annotations

from typing import Any

from satmint_sdk.testing import FakeTokenService as PublicService
from satmint_sdk.testing._rules import API_TOKEN, C2C_TOKEN, PROJECT, Claims, FakeSession

__all__ = ["API_TOKEN", "C2C_TOKEN", "PROJECT", "Claims", "FakeSession", "FakeTokenService"]


class FakeTokenService(PublicService):
    """The same, and what is inside."""

    @property
    def tokens(self) -> dict[str, Claims]:
        """What every token that was issued says."""
        return self._rules.tokens

    @property
    def spent_proofs(self) -> set[str]:
        """The ids of all proofs that were accepted."""
        return self._rules.spent_proofs

    @property
    def frozen(self) -> dict[str, Any] | None:
        """The answer to every refresh, if set: one that does not move."""
        return self._rules.fixed_pair

    @frozen.setter
    def frozen(self, pair: dict[str, Any] | None) -> None:
        self._rules.fixed_pair = pair

    def _issue(
        self, kind: str, session: FakeSession, exp: float, scope: list[str], jkt: str | None
    ) -> str:
        return self._rules.issue(kind, session, exp, scope, jkt)
