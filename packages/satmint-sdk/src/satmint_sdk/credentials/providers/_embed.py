"""A provider for page visitors, with a Click-to-Call token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from satmint_sdk._ambient import SYSTEM_CLOCK, Clock
from satmint_sdk._secrets import SecretText
from satmint_sdk.credentials._credential import AuthenticateContext, Credential
from satmint_sdk.credentials._stated_lifetime import stated_lifetime
from satmint_sdk.rest import RequestOptions
from satmint_sdk.rest._drivers import AsyncDriver
from satmint_sdk.rest._endpoint import Endpoint, parse_endpoint, refuse_blanks
from satmint_sdk.rest._tokens import FabricTokens

if TYPE_CHECKING:
    import httpx

_LIFE: Final = 3600.0
_OPTIONS: Final = RequestOptions(timeout=10.0, retries=0)  # the session retries


class EmbedTokenCredentialProvider:
    """Exchanges a Click-to-Call token for a credential, initially and at every refresh.

    Args:
        host: Host, with or without port, schemes and `SIGNALWIRE_REST_CA_FILE` as for `RestClient`;
            or an origin, such as `https://space.example.com`. Only this machine is asked over http.
        embed_token: The Click-to-Call token (`c2c_...`).
        transport: Carries the requests instead of the network.
        clock: Tells the time.

    Raises:
        ValueError: `host` is neither a host nor an origin, or is an http origin of another machine;
            or an argument has blanks or control characters.
    """

    def __init__(
        self,
        host: str,
        embed_token: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        refuse_blanks("host", host)
        refuse_blanks("embed_token", embed_token)
        self._endpoint = _endpoint_of(host)
        self._embed_token = SecretText(embed_token)
        self._transport = transport
        self._clock = clock

    async def authenticate(
        self,
        context: AuthenticateContext | None = None,  # noqa: ARG002 - cannot be bound
    ) -> Credential:
        """Exchange the token; waits at most 10 s for the response.

        Returns:
            A credential that expires in an hour, as the browser SDK assumes, or earlier if the
            server says so.

        Raises:
            SignalWireRestError: The server refused.
            SignalWireRestTransportError: There was no response.
            InvalidCredential: The response contains no token.
        """
        started = self._clock.now()
        driver = AsyncDriver(self._endpoint, self._clock, self._transport)
        try:
            answer = await driver.run(
                FabricTokens.create_embed_token.describe(
                    None, token=self._embed_token.reveal(), request_options=_OPTIONS
                )
            )
        finally:
            await driver.close()
        members = cast("Mapping[str, object]", answer)
        life = min(_LIFE, stated_lifetime(members, started.wall, driver.clock_offset))
        return Credential(
            token=cast("str", members.get("token", "")),
            expiry_at=int((started.wall + life) * 1000),
            scope="",  # a visitor's token is not refreshed by key
        )

    async def refresh(self) -> Credential:
        """Exchange the token once more. Errors as in `authenticate`."""
        return await self.authenticate()

    def __repr__(self) -> str:
        return f"<EmbedTokenCredentialProvider of {self._endpoint.base_url}>"


def _endpoint_of(host: str) -> Endpoint:
    """The server that a host or an origin names.

    Raises:
        ValueError: It is neither, or an origin that would be asked in clear over a network.
    """
    scheme, separator, rest = host.partition("://")
    if not separator:
        return parse_endpoint(host)
    endpoint = parse_endpoint(rest.removesuffix("/"))
    authority = endpoint.base_url.partition("://")[2]
    if scheme.lower() == "https":
        return replace(endpoint, base_url=f"https://{authority}")
    if scheme.lower() != "http" or not endpoint.base_url.startswith("http:"):
        raise ValueError("an origin must be https, or http of this machine")
    return endpoint
