"""The project as an account of the vendor's compatibility API: whether credentials are good."""

from typing import Final

import httpx
import pytest

from satmint.flows.credentials import create_api_token
from satmint.model.permissions import VENDOR, Permission
from tests.http.answer_contract import plain
from tests.kit.service import ORIGIN, Bearer, Server, said

ACCOUNTS: Final = "/api/laml/2010-04-01/Accounts"
NOBODY: Final = "c3d2e1f0-a9b8-4c7d-8e6f-5a4b3c2d1e0f"


async def test_account_has_the_members_of_the_vendors(server_on_each_store: Server) -> None:
    server = server_on_each_store
    project = str(server.tenant.id)
    expected = {
        "sid": project,
        "friendly_name": "demo",
        "status": "active",
        "type": "Full",
        "auth_token": "redacted",
        "date_created": "Tue, 14 Nov 2023 22:13:20 +0000",
        "date_updated": "Tue, 14 Nov 2023 22:13:20 +0000",
        "uri": f"{ACCOUNTS}/{project}",
        "subresource_uris": {},
    }
    for suffix in ("", ".json", "/"):
        answer = await server.client.get(f"{ACCOUNTS}/{project}{suffix}", auth=server.tenant.auth)
        assert said(answer, 200) == expected


@pytest.mark.parametrize("permission", sorted(VENDOR))
async def test_any_api_token_is_good_for_it(server: Server, permission: Permission) -> None:
    project = server.tenant.id
    _, secret = await create_api_token(
        server.services, project, "one", frozenset({permission}), ORIGIN
    )
    auth = httpx.BasicAuth(str(project), secret.reveal())
    said(await server.client.get(f"{ACCOUNTS}/{project}", auth=auth), 200)


async def test_wrong_credentials_and_other_accounts(server: Server) -> None:
    mine, other = server.tenant, await server.another_tenant()
    path = f"{ACCOUNTS}/{mine.id}"
    plain(await server.client.get(path), 401)
    for auth in (
        httpx.BasicAuth(str(mine.id), other.api_token),
        httpx.BasicAuth(str(mine.id), "PT"),
        Bearer((await server.sign_in())["token"]),
    ):
        plain(await server.client.get(path, auth=auth), 401)
    for account in (other.id, NOBODY, "me", f"{mine.id}.xml", f"{mine.id}.json.json"):
        plain(await server.client.get(f"{ACCOUNTS}/{account}", auth=mine.auth), 404)
    for method in ("POST", "PUT", "DELETE"):
        answer = await server.client.request(method, path, auth=mine.auth)
        plain(answer, 405)
    for rest in ("/Calls", "/Calls.json", "//"):
        plain(await server.client.get(f"{path}{rest}", auth=mine.auth), 404)
