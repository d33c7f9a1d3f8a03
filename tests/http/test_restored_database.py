"""After a new incarnation has begun, nothing that was issued before is accepted.

The database is adopted while every token in it is active: the worst copy that can be restored.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from satmint.flows.callers import subscriber_caller
from satmint.flows.live import Credentials, open_live_session, resume_live_session
from satmint.flows.visible_addresses import addresses_of_caller
from satmint.model.events import EventKind
from satmint.model.live import ResumeState
from satmint.model.refusals import Unauthorized
from tests.kit.clock import FrozenClock
from tests.kit.databases import DATABASES, fresh_database
from tests.kit.devices import TOKEN, Browser, a_browser
from tests.kit.service import ORIGIN, Json, Server, Tenant, a_service, said

CONNECT = "signalwire.connect"


class Deployment:
    """One database, on which servers start one after the other."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.settings = {"database": url}
        self.clock = FrozenClock()
        self.tenant: Tenant | None = None

    @asynccontextmanager
    async def server(self) -> AsyncIterator[Server]:
        """A server, and with the first one a project."""
        async with a_service(
            self.folder, clock=self.clock, tenant=self.tenant, **self.settings
        ) as server:
            self.tenant = server.tenant
            yield server


@pytest.fixture(params=DATABASES)
async def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    return Deployment(tmp_path, await fresh_database(request.param, tmp_path))


async def every_sat(server: Server) -> dict[str, Json]:
    """A pair, or a SAT, of each kind."""
    auth, address = server.tenant.auth, server.tenant.addresses[0]
    made = {"subscriber": await server.sign_in("ada"), "refreshed": await server.sign_in("bob")}
    made["refreshed"] = await server.rotate(made["refreshed"]["refresh_token"])

    async def call(path: str, body: Json, auth: httpx.Auth) -> Json:
        answer = await server.client.post(f"/api/fabric/{path}", json=body, auth=auth)
        assert answer.status_code in (200, 201), answer.text
        found: Json = answer.json()
        return found

    guest = {"allowed_addresses": [str(address.id)]}
    made["guest"] = await call("guests/tokens", guest, auth)
    _, c2c = await server.c2c_token()
    made["embed"] = await call("embeds/tokens", {"token": c2c}, httpx.Auth())
    ada = await subscriber_caller(server.services, made["subscriber"]["token"])
    (own,) = await addresses_of_caller(server.services.store, ada)
    answer = await server.client.post(
        "/api/fabric/subscriber/invites",
        json={"address_id": str(own.id)},
        headers={"Authorization": f"Bearer {made['subscriber']['token']}"},
    )
    made["invite"] = said(answer, 201)
    return made


async def test_no_token_or_proof_of_before_is_accepted(deployment: Deployment) -> None:
    async with deployment.server() as server:
        made = await every_sat(server)
        browser = await a_browser(server, "carol")
        proof = browser.proof(TOKEN)
        bound = said(await browser.activate(proof=proof), 201)["token"]
        live = Credentials(made["subscriber"]["token"], None, UUID(int=1), ORIGIN)
        admission = await open_live_session(server.services, live)
        state = server.services.state_cipher.seal(
            ResumeState(
                admission.project,
                admission.subscriber,
                admission.session,
                "protocol",
                True,
                server.clock.now() + 600,
            )
        )
        proofs = await server.rows("proofs")
        incarnation = await server.service.guard.adopt(ORIGIN)
        assert incarnation.number == 2
        assert await server.rows("proofs") == proofs
    deployment.clock.advance(1)
    async with deployment.server() as server:
        for kind, pair in made.items():
            answer = await server.info(pair["token"])
            assert answer.status_code == 401, kind
            if "refresh_token" in pair:
                refused = await server.refresh(pair["refresh_token"])
                assert refused.status_code == 422, kind
        assert (await server.info(bound)).status_code == 401
        old = Browser(server, browser.signer, browser.token)
        assert (await old.activate(proof=proof)).status_code == 401
        assert (await old.renew(bound)).status_code == 401
        with pytest.raises(Unauthorized, match="revoked"):
            await open_live_session(server.services, live)
        with pytest.raises(Unauthorized, match="revoked"):
            await resume_live_session(server.services, live, state, "protocol")
        # The same subscriber with the same key signs in again: the proof of before stays refused.
        pair = await server.sign_in("carol", scope="sat:refresh", fingerprint=browser.signer.jkt)
        again = Browser(server, browser.signer, pair["token"], pair)
        assert (await again.activate(proof=proof)).status_code == 401
        said(await again.activate(), 201)
        said(await server.info((await server.sign_in("ada"))["token"]), 200)
        kinds = await server.events()
        assert {EventKind.DATABASE_ADOPTED, EventKind.PROJECT_REVOKED} <= set(kinds)
