"""The endpoints for the holder of a token: what it may do, and refreshing it with a key."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, cast

from signalwire._ambient import Clock
from signalwire._secrets import SecretText
from signalwire.credentials._credential import Credential
from signalwire.credentials._dpop import DPoPKey
from signalwire.credentials._embed import life_said
from signalwire.rest import RequestOptions, SignalWireRestError
from signalwire.rest._call import Call, path_of
from signalwire.rest._drivers import AsyncDriver
from signalwire.rest._place import Place
from signalwire.rest.types import BoundToken, SubscriberInfo

if TYPE_CHECKING:
    import httpx

ProofTarget = Literal["url", "path"]

REFRESH_SCOPE: Final = "sat:refresh"

_INFO: Final = path_of("api", "fabric", "subscriber", "info")
_TOKEN: Final = path_of("api", "fabric", "subscriber", "devices", "token")
_REFRESH: Final = path_of("api", "fabric", "subscriber", "devices", "refresh")

# A new attempt needs a new proof, so the core must not send one request twice: the flight does.
_ONCE: Final = RequestOptions(timeout=10.0, retries=0)
_SKEW: Final = 30.0
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class Standing:
    """What the server says about a token.

    Attributes:
        refreshes_itself: Its scope lets the holder of a key refresh it.
        expiry_at: Its end by this machine's clock, milliseconds since the epoch; `None` if unsaid.
    """

    refreshes_itself: bool
    expiry_at: int | None


class Devices:
    """One server's endpoints for the holder of a token, and the key that proves the holding.

    Args:
        place: Where the server is.
        key: Signs the proofs.
        clock: Tells the time.
        transport: Carries the requests in place of the network.
        on_skew: Told the seconds that the server is ahead, when proofs begin to follow its clock.
        target: Whether proofs name the whole URL (RFC 9449, section 4.2) or, as those of the
            vendor's browser SDK, the path alone.
    """

    def __init__(
        self,
        place: Place,
        key: DPoPKey,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None,
        *,
        on_skew: Callable[[float], None],
        target: ProofTarget,
    ) -> None:
        self._driver = AsyncDriver(replace(place, authorization=None), clock, transport)
        self._key = key
        self._clock = clock
        self._on_skew = on_skew
        self._target = target
        self._skew = 0.0

    async def standing(self, token: str) -> Standing:
        """Ask what a token may do.

        Raises:
            SignalWireRestError: The server refused.
            SignalWireRestTransportError: No answer came.
        """
        started = self._clock.now()
        call: Call[SubscriberInfo] = Call("GET", _INFO, bearer=SecretText(token), options=_ONCE)
        answer = cast("Mapping[str, object]", await self._driver.run(call))
        claims = answer.get("sat_claims")
        if not isinstance(claims, dict):
            return Standing(refreshes_itself=False, expiry_at=None)
        scope = claims.get("scope")
        scopes = scope.split() if isinstance(scope, str) else scope
        life = life_said(
            {"expires_at": claims.get("expires_at")}, started.wall, self._driver.clock_offset
        )
        ends = (started.wall + life) * 1000
        return Standing(
            refreshes_itself=isinstance(scopes, list) and REFRESH_SCOPE in scopes,
            expiry_at=int(ends) if ends < 2**53 else None,
        )

    async def exchange(self, token: str, *, bound: bool, expire_in: int) -> Credential:
        """Bring a token and a proof, get a Client Bound SAT.

        A refusal while the two clocks are apart is met once with the server's time in the proof;
        one that asks for a nonce (RFC 9449, section 8), once with that.

        Args:
            token: The token to replace.
            bound: Whether it is a Client Bound SAT itself, to be refreshed.
            expire_in: Seconds of life to ask for.

        Raises:
            SignalWireRestError: The server refused.
            SignalWireRestTransportError: No answer came. Only a new proof may be sent next.
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
            self._driver.place.base_url + path if self._target == "url" else path,
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
        life = life_said(answer, started.wall, self._driver.clock_offset)
        if math.isinf(life):
            life = expire_in
        return Credential(
            token=cast("str", answer.get("token", "")),
            expiry_at=int((started.wall + life) * 1000),
        )

    def _adopt_server_time(self) -> bool:
        """Follow the server's clock from now on, if it is far from the one proofs were dated by."""
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
