"""The endpoints for a token's holder: token information, and refreshing by key."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, cast

from satmint_sdk._ambient import Clock
from satmint_sdk._secrets import SecretText
from satmint_sdk.credentials._credential import Credential
from satmint_sdk.credentials._stated_lifetime import stated_lifetime
from satmint_sdk.credentials.bound._dpop import DPoPKey
from satmint_sdk.rest import RequestOptions, SignalWireRestError
from satmint_sdk.rest._call import Call, path_of
from satmint_sdk.rest._drivers import AsyncDriver
from satmint_sdk.rest._endpoint import Endpoint
from satmint_sdk.rest.types import BoundToken, SubscriberInfo

if TYPE_CHECKING:
    import httpx

ProofTarget = Literal["url", "path"]

REFRESH_SCOPE: Final = "sat:refresh"

_INFO: Final = path_of("api", "fabric", "subscriber", "info")
_TOKEN: Final = path_of("api", "fabric", "subscriber", "devices", "token")
_REFRESH: Final = path_of("api", "fabric", "subscriber", "devices", "refresh")

# A new attempt needs a new proof, so the REST core must not retry a request; the caller does.
_ONCE: Final = RequestOptions(timeout=10.0, retries=0)
_SKEW: Final = 30.0
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """The server's information about a token.

    Attributes:
        refreshes_itself: Whether its scope permits refreshing by key.
        expiry_at: Its expiry by this machine's clock, milliseconds since the epoch; `None` if
            unknown.
    """

    refreshes_itself: bool
    expiry_at: int | None


class Devices:
    """A server's endpoints for a token's holder, and the key for its proofs.

    Args:
        endpoint: The server.
        key: Signs the proofs.
        clock: The source of time.
        transport: Replaces the network.
        on_skew: Called with the seconds that the server is ahead when proofs start to use its
            clock.
        target: Whether proofs name the whole URL (RFC 9449, section 4.2) or, as those of the
            vendor's browser SDK, the path alone.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        key: DPoPKey,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None,
        *,
        on_skew: Callable[[float], None],
        target: ProofTarget,
    ) -> None:
        self._driver = AsyncDriver(replace(endpoint, authorization=None), clock, transport)
        self._key = key
        self._clock = clock
        self._on_skew = on_skew
        self._target = target
        self._skew = 0.0

    async def token_info(self, token: str) -> TokenInfo:
        """Get information about a token.

        Raises:
            SignalWireRestError: The server refused.
            SignalWireRestTransportError: There was no response.
        """
        started = self._clock.now()
        call: Call[SubscriberInfo] = Call("GET", _INFO, bearer=SecretText(token), options=_ONCE)
        answer = cast("Mapping[str, object]", await self._driver.run(call))
        claims = answer.get("sat_claims")
        if not isinstance(claims, dict):
            return TokenInfo(refreshes_itself=False, expiry_at=None)
        scope = claims.get("scope")
        scopes = scope.split() if isinstance(scope, str) else scope
        life = stated_lifetime(
            {"expires_at": claims.get("expires_at")}, started.wall, self._driver.clock_offset
        )
        ends = (started.wall + life) * 1000
        return TokenInfo(
            refreshes_itself=isinstance(scopes, list) and REFRESH_SCOPE in scopes,
            expiry_at=int(ends) if ends < 2**53 else None,
        )

    async def exchange(self, token: str, *, bound: bool, expire_in: int) -> Credential:
        """Exchange a token and a proof for a Client Bound SAT.

        If the server refuses and the clocks differ, the exchange is repeated once with the server's
        time in the proof; if it requires a nonce (RFC 9449, section 8), once with that.

        Args:
            token: The token to replace.
            bound: Whether it is a Client Bound SAT.
            expire_in: Lifetime in seconds to request.

        Raises:
            SignalWireRestError: The server refused.
            SignalWireRestTransportError: There was no response. A retry needs a new proof.
        """
        path = _REFRESH if bound else _TOKEN
        nonce_was_asked_for = False
        while True:
            try:
                return await self._attempt(path, token, expire_in)
            except SignalWireRestError as refused:
                if refused.status_code != _UNAUTHORIZED:
                    raise
                if not nonce_was_asked_for and _asks_for_nonce(refused):
                    nonce_was_asked_for = True
                elif not self._adopt_server_time():
                    raise

    async def close(self) -> None:
        """Close the connections."""
        await self._driver.close()

    async def _attempt(self, path: str, token: str, expire_in: int) -> Credential:
        started = self._clock.now()
        proof = self._key.http_proof(
            "POST",
            self._driver.endpoint.base_url + path if self._target == "url" else path,
            access_token=token,
            issued_at=int(started.wall + self._skew),
            nonce=self._driver.nonce,
        )
        call: Call[BoundToken] = Call(
            "POST",
            path,
            body={"dpop_token": proof, "expire_in": expire_in},
            bearer=SecretText(token),
            options=_ONCE,
        )
        answer = cast("Mapping[str, object]", await self._driver.run(call))
        life = stated_lifetime(answer, started.wall, self._driver.clock_offset)
        if math.isinf(life):
            life = expire_in
        return Credential(
            token=cast("str", answer.get("token", "")),
            expiry_at=int((started.wall + life) * 1000),
        )

    def _adopt_server_time(self) -> bool:
        """Use the server's clock for proofs if it is far from the current one; whether it was."""
        measured = self._driver.clock_offset
        if measured is None or abs(measured - self._skew) <= _SKEW:
            return False
        self._skew = measured
        self._on_skew(measured)
        return True


def _asks_for_nonce(refused: SignalWireRestError) -> bool:
    headers = refused.headers or {}
    challenge = headers.get("www-authenticate", "")
    return "use_dpop_nonce" in challenge and "dpop-nonce" in headers
