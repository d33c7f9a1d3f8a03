"""One session as a backend sees it: the pairs that it has been given."""

from dataclasses import dataclass

import msgspec
import pytest

from satmint.flows.issue import SubscriberTokenRequest, subscriber_tokens
from satmint.flows.refresh import refresh
from satmint.flows.token_issuer import TokenPair
from satmint.model.claims import Claims, TokenType
from satmint.model.refusals import FieldError, Unprocessable
from satmint.model.rotation import Replayed, Rotated
from tests.kit.service import ORIGIN, Server


@dataclass
class Line:
    """One session, and the pairs that it has given out so far."""

    server: Server
    pairs: list[TokenPair]

    async def present(self, generation: int = -1) -> Rotated | Replayed:
        """Present the refresh token of the answer with that index, the last by default."""
        pair, verdict = await refresh(
            self.server.services,
            self.server.tenant.caller,
            self.pairs[generation].refresh_token,
            ORIGIN,
        )
        self.pairs.append(pair)
        return verdict

    async def refused(self, generation: int = -1) -> tuple[tuple[FieldError, ...], str]:
        """The faults and the cause of presenting it."""
        with pytest.raises(Unprocessable) as refusal:
            await self.present(generation)
        return refusal.value.field_errors, refusal.value.cause

    def sat(self, at: int = -1) -> Claims:
        return self.server.claims(self.pairs[at].token)

    def refresh_claims(self, at: int = -1) -> Claims:
        return self.server.claims(self.pairs[at].refresh_token, TokenType.REFRESH)


async def a_line(server: Server, reference: str = "alice", **asked: object) -> Line:
    request = msgspec.convert({"reference": reference, **asked}, SubscriberTokenRequest)
    tokens = await subscriber_tokens(server.services, server.tenant.caller, request, ORIGIN)
    return Line(server, [TokenPair(tokens.token, tokens.refresh_token)])
