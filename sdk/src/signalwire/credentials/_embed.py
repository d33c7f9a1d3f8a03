"""A visitor of a page, with a Click-to-Call token in place of a name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from signalwire._ambient import SYSTEM_CLOCK, Clock
from signalwire._secrets import SecretText
from signalwire.credentials._credential import AuthenticateContext, Credential
from signalwire.rest import RequestOptions
from signalwire.rest._drivers import AsyncDriver
from signalwire.rest._place import locate
from signalwire.rest._tokens import FabricTokens

if TYPE_CHECKING:
    import httpx

_LIFE: Final = 3600.0
_OPTIONS: Final = RequestOptions(timeout=10.0, retries=0)  # the session's schedule tries again


class EmbedTokenCredentialProvider:
    """Exchanges a Click-to-Call token for a credential, and again before that one expires.

    Args:
        host: Host, with or without port; schemes and `SIGNALWIRE_REST_CA_FILE` as for `RestClient`.
        embed_token: The Click-to-Call token (`c2c_...`).
        transport: Carries the requests in place of the network.
        clock: Tells the time.

    Raises:
        ValueError: `host` is no host.
    """

    def __init__(
        self,
        host: str,
        embed_token: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._place = locate(host)
        self._embed_token = SecretText(embed_token)
        self._transport = transport
        self._clock = clock

    async def authenticate(
        self,
        context: AuthenticateContext | None = None,  # noqa: ARG002 - cannot be bound
    ) -> Credential:
        """Exchange the token, waiting at most 10 s for the answer.

        Returns:
            A credential that ends in an hour, as the browser SDK assumes, or earlier where the
            server says so.

        Raises:
            SignalWireRestError: The server refused.
            SignalWireRestTransportError: No answer came.
            InvalidCredential: The answer holds no token.
        """
        started = self._clock.now()
        driver = AsyncDriver(self._place, self._clock, self._transport)
        try:
            answer = await driver.run(
                FabricTokens.create_embed_token.describe(
                    None, token=self._embed_token.reveal(), request_options=_OPTIONS
                )
            )
        finally:
            await driver.close()
        members = cast("Mapping[str, object]", answer)
        life = min(_LIFE, life_said(members, started.wall, driver.clock_offset))
        return Credential(
            token=cast("str", members.get("token", "")),
            expiry_at=int((started.wall + life) * 1000),
        )

    async def refresh(self) -> Credential:
        """Exchange the token once more. Errors as in `authenticate`."""
        return await self.authenticate()

    def __repr__(self) -> str:
        return f"<EmbedTokenCredentialProvider of {self._place.base_url}>"


def life_said(members: Mapping[str, object], wall: float, offset: float | None) -> float:
    """Seconds of life that an answer claims for its token; infinite where it claims nothing.

    `expires_in` goes before `expires_at`: it does not depend on two clocks that agree.

    Args:
        members: The answer; times in seconds.
        wall: When the request began, seconds since the epoch by this machine's clock.
        offset: Seconds that the server's clock is ahead, where that is known.
    """
    relative, absolute = members.get("expires_in"), members.get("expires_at")
    if _is_seconds(relative):
        return cast("float", relative)
    if _is_seconds(absolute):
        return cast("float", absolute) - (wall + (offset or 0.0))
    return math.inf


def _is_seconds(value: object) -> bool:
    """Take finite numbers only; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
