"""A browser that keeps its SAT alive by itself, as the vendor's SDK does.

browser = await a_browser(server)          # signed in with its key's fingerprint
sat = said(await browser.activate(), 201)["token"]
answer = await browser.renew(sat, expire_in=600)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.kit.proofs import ABSENT, Signer, changed
from tests.kit.service import Json, Server, said

TOKEN: Final = "/api/fabric/subscriber/devices/token"
REFRESH: Final = "/api/fabric/subscriber/devices/refresh"


@dataclass(frozen=True, slots=True)
class Browser:
    """A key pair, and the SAT that it was given."""

    server: Server
    signer: Signer
    token: str
    pair: Json = field(default_factory=dict)
    """What its backend was given."""

    def proof(self, path: str, token: str | None = None, **changes: Any) -> str:  # noqa: ANN401
        """A proof for that endpoint, as the SDK makes it now; `token` becomes its `ath`."""
        changes = {"htu": path, "iat": self.server.clock.now(), **changes}
        return self.signer.http_proof(token=token, **changes)

    async def activate(
        self,
        token: str | None = None,
        proof: str | None = None,
        *,
        expire_in: object = ABSENT,
        client: httpx.AsyncClient | None = None,
    ) -> httpx.Response:
        """The answer to `devices/token`, for the SAT that was given by default."""
        proof = proof or self.proof(TOKEN)
        return await self.send(
            TOKEN, token or self.token, proof, expire_in=expire_in, client=client
        )

    async def renew(
        self,
        token: str,
        proof: str | None = None,
        *,
        expire_in: object = ABSENT,
        client: httpx.AsyncClient | None = None,
    ) -> httpx.Response:
        """The answer to `devices/refresh`."""
        proof = proof or self.proof(REFRESH, token)
        return await self.send(REFRESH, token, proof, expire_in=expire_in, client=client)

    async def send(
        self,
        path: str,
        token: str,
        proof: object = ABSENT,
        *,
        expire_in: object = ABSENT,
        scheme: str = "Bearer",
        headers: Sequence[tuple[str, str]] = (),
        client: httpx.AsyncClient | None = None,
    ) -> httpx.Response:
        """The answer to any such request: `proof` stands in the body, if it is there at all."""
        body = changed({}, {"dpop_token": proof, "expire_in": expire_in})
        authorization = ("Authorization", f"{scheme} {token}")
        caller = client or self.server.client
        return await caller.post(path, json=body, headers=[authorization, *headers])


async def a_seen_browser(server: Server, reference: str = "alice") -> Browser:
    """One whose SAT was in use: that is noted once, apart from everything else."""
    browser = await a_browser(server, reference)
    said(await server.info(browser.token), 200)
    return browser


async def a_browser(
    server: Server, reference: str = "alice", *, bound: bool = True, alg: str = "ES256"
) -> Browser:
    """A browser with a key of its own, whose SAT may refresh itself.

    Args:
        server: Where.
        reference: Whose.
        bound: Whether the key is named at issue; otherwise the first proof binds the session.
        alg: What it signs with.
    """
    signer = Signer.generate(alg)
    named = {"fingerprint": signer.jkt} if bound else {}
    pair = await server.sign_in(reference, scope="sat:refresh", **named)
    return Browser(server, signer, pair["token"], pair)
