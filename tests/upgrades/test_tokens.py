"""Every token of a database of version 0.1.0 is as good after all migrations as it was before."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from structlog.testing import capture_logs

from satmint.flows.webhooks import list_webhooks, open_secret
from satmint.model.claims import Kind
from satmint.model.ids import as_uuid
from satmint.model.listing import Window
from satmint.store.sqlite.migrations import known_migrations
from tests.kit.databases import SQLITE
from tests.kit.devices import Browser
from tests.kit.proofs import Signer
from tests.kit.service import Bearer, Json, Server, a_service, said
from tests.upgrades.former_version import DATABASES, a_server_of

GUESTS: Final = "/api/fabric/guests/tokens"
INVITES: Final = "/api/fabric/subscriber/invites"
EMBEDS: Final = "/api/fabric/embeds/tokens"

Upgraded = tuple[Server, Json]


@pytest.fixture(params=DATABASES)
async def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Upgraded]:
    async with a_server_of(tmp_path, request.param) as opened:
        yield opened


async def test_migrations_of_a_file_are_logged_once(tmp_path: Path) -> None:
    applied = []
    for opened in (a_server_of(tmp_path, SQLITE), a_service(tmp_path)):
        with capture_logs() as logs:
            async with opened:
                pass
        applied += [line["applied"] for line in logs if line["event"] == "database_migrated"]
    (names,) = applied
    pending = [migration.name for migration in known_migrations()]
    assert names == ", ".join(pending[pending.index(names.partition(",")[0]) :])


async def test_pairs_of_subscribers_are_good_and_go_on(upgraded: Upgraded) -> None:
    server, held = upgraded
    pairs = [held["alice"], held["bound"]["pair"], *held["subscribers"].values()]
    assert len(pairs) > 20
    for pair in pairs:
        info = said(await server.info(pair["token"]), 200)
        assert info["id"] == pair["subscriber_id"]
        renewed = await server.rotate(pair["refresh_token"])
        assert said(await server.info(renewed["token"]), 200)["id"] == info["id"]


async def test_rotation_goes_on_where_it_was(upgraded: Upgraded) -> None:
    server, held = upgraded
    refreshed = held["refreshed"]
    said(await server.info(refreshed["token"]), 200)
    renewed = await server.rotate(refreshed["refresh_token"])
    assert server.claims(renewed["token"]).gen == 2


async def test_spent_refresh_token_is_still_spent(upgraded: Upgraded) -> None:
    server, held = upgraded
    assert (await server.refresh(held["spent"]["refresh_token"])).status_code == 422
    assert (await server.info(held["refreshed"]["token"])).status_code == 401


async def test_revoked_session_is_still_revoked(upgraded: Upgraded) -> None:
    server, held = upgraded
    assert (await server.info(held["revoked"]["token"])).status_code == 401
    assert (await server.refresh(held["revoked"]["refresh_token"])).status_code == 422


async def test_guest_is_still_let_in_and_refreshed(upgraded: Upgraded) -> None:
    server, held = upgraded
    info = said(await server.info(held["guest"]["token"]), 200)
    seen = {address["id"] for address in info["fabric_addresses"]}
    assert seen == set(held["addresses"])
    renewed = await server.rotate(held["guest"]["refresh_token"])
    assert server.claims(renewed["token"]).kind is Kind.GUEST


async def test_invitee_and_visitor_are_still_let_in(upgraded: Upgraded) -> None:
    server, held = upgraded
    for token, address in (
        (held["invite"], held["alices_address"]),
        (held["embed"], held["addresses"][0]),
    ):
        info = said(await server.info(token), 200)
        assert [found["id"] for found in info["fabric_addresses"]] == [address]


async def test_click_to_call_token_is_still_exchanged(upgraded: Upgraded) -> None:
    server, held = upgraded
    embed = said(await server.client.post(EMBEDS, json={"token": held["c2c"]}), 201)
    assert server.claims(embed["token"]).kind is Kind.EMBED


async def test_key_of_a_bound_session_still_renews_it(upgraded: Upgraded) -> None:
    server, held = upgraded
    key = load_pem_private_key(held["bound"]["key"].encode(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    pair, sat = held["bound"]["pair"], held["bound"]["client_bound_sat"]
    browser = Browser(server, Signer("ES256", key), pair["token"], pair)
    said(await server.info(sat), 200)
    renewed = said(await browser.renew(sat), 201)["token"]
    assert said(await server.info(renewed), 200)["id"] == pair["subscriber_id"]
    thief = Browser(server, Signer.generate(), pair["token"], pair)
    assert (await thief.renew(sat)).status_code == 401


async def test_api_tokens_still_authenticate_their_backends(upgraded: Upgraded) -> None:
    server, held = upgraded
    for name in ("", "other_"):
        auth = httpx.BasicAuth(held[f"{name}project"], held[f"{name}api_token"])
        body = {"name": name or "new", "permissions": ["calling"]}
        said(await server.client.post("/api/project/tokens", json=body, auth=auth), 200)
    asked = {"allowed_addresses": held["addresses"]}
    said(await server.client.post(GUESTS, json=asked, auth=server.tenant.auth), 201)


async def test_subscriber_still_invites(upgraded: Upgraded) -> None:
    server, held = upgraded
    asked = {"address_id": held["alices_address"]}
    auth = Bearer(held["alice"]["token"])
    said(await server.client.post(INVITES, json=asked, auth=auth), 201)


async def test_secret_of_a_webhook_is_still_opened(upgraded: Upgraded) -> None:
    server, held = upgraded
    project = as_uuid(held["other_project"])
    assert project is not None
    page = await list_webhooks(server.services.store, project, Window(10))
    secrets = [open_secret(server.services.secret_box, webhook) for webhook in page.items]
    assert len(secrets) == 1
    assert secrets[0]
