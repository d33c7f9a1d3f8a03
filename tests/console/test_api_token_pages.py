"""API tokens: masked, created, changed, revoked."""

import httpx
import pytest

from satmint.model.events import EventKind
from satmint.model.secrets import mask
from tests.console.shown import errors_of, secret_of, text_of, value_of
from tests.console.visitor import Visitor, visiting
from tests.kit.service import TOKENS, Server


@pytest.fixture
def base(server: Server) -> str:
    return f"/console/projects/{server.tenant.id}/api-tokens"


async def create(visitor: Visitor, base: str, name: str, *permissions: str) -> httpx.Response:
    await visitor.get(f"{base}/create")
    fields: dict[str, str | list[str]] = {"name": name, "permissions": list(permissions)}
    return await visitor.post(f"{base}/create", fields)


async def only_other(server: Server, name: str) -> str:
    """The id of the API token with a name."""
    page = await server.client.get("/api/project/tokens", auth=server.tenant.auth)
    return next(str(one["id"]) for one in page.json()["data"] if one["name"] == name)


async def works(server: Server, token: str) -> bool:
    auth = httpx.BasicAuth(str(server.tenant.id), token)
    answer = await server.client.post(TOKENS, json={"reference": "carol"}, auth=auth)
    return answer.status_code == 200


async def test_created_token_works_and_is_shown_once(
    server: Server, visitor: Visitor, base: str
) -> None:
    answer = await create(visitor, base, "Billing", "calling", "video")
    assert answer.status_code == 200
    secret = secret_of(answer)
    assert "no-store" in answer.headers["cache-control"]
    assert await works(server, secret)
    token = await only_other(server, "Billing")
    for path in (base, f"{base}/{token}", f"{base}/{token}/change", f"{base}/{token}/revoke"):
        later = await visitor.get(path)
        assert secret not in later.text
    assert mask(secret) in text_of(await visitor.get(base))
    assert (await server.events())[-2] is EventKind.API_TOKEN_CREATED


async def test_last_use_is_shown_to_the_hour(server: Server, visitor: Visitor, base: str) -> None:
    secret = secret_of(await create(visitor, base, "Billing", "calling"))
    token = await only_other(server, "Billing")
    assert "Last use never" in text_of(await visitor.get(f"{base}/{token}"))
    assert await works(server, secret)
    await server.settled()
    assert "Last use in the last hour" in text_of(await visitor.get(f"{base}/{token}"))
    for hours, shown in ((1, "in the last 2 h"), (2, "1 h ago")):
        server.clock.advance(3600)
        await visitor.sign_in_as_operator()
        page = text_of(await visitor.get(f"{base}/{token}"))
        assert f"Last use {shown}" in page, hours


async def test_bad_input_comes_back_beside_its_field(
    server: Server, visitor: Visitor, base: str
) -> None:
    answer = await create(visitor, base, "n" * 256)
    assert errors_of(answer) == {
        "name": "Name must be at most 255 characters long.",
        "permissions": "Permissions must not be empty.",
    }
    assert value_of(answer, "name") == "n" * 256
    answer = await create(visitor, base, "", "cooking")
    assert errors_of(answer)["name"] == "Required parameter is missing."
    assert errors_of(answer)["permissions"].startswith("Permissions must be out of: calling")
    assert EventKind.API_TOKEN_CREATED not in (await server.events())[1:]


async def test_change_takes_effect(server: Server, visitor: Visitor, base: str) -> None:
    secret = secret_of(await create(visitor, base, "Billing", "calling"))
    path = f"{base}/{await only_other(server, 'Billing')}"
    form = await visitor.get(f"{path}/change")
    assert value_of(form, "name") == "Billing"
    answer = await visitor.post(f"{path}/change", {"name": "Fax", "permissions": ["numbers"]})
    assert "API token “Fax” was changed." in text_of(await visitor.follow(answer))
    server.clock.advance(1)
    assert not await works(server, secret)
    await visitor.get(f"{path}/change")
    answer = await visitor.post(f"{path}/change", {"name": "Fax", "permissions": ["numbers"]})
    assert "Nothing was changed." in text_of(await visitor.follow(answer))
    await visitor.get(f"{path}/change")
    answer = await visitor.post(f"{path}/change", {"name": "Fax"})
    assert errors_of(answer) == {"permissions": "Permissions must not be empty."}


async def test_revoked_token_stops_working(server: Server, visitor: Visitor, base: str) -> None:
    secret = secret_of(await create(visitor, base, "Billing", "calling"))
    path = f"{base}/{await only_other(server, 'Billing')}"
    assert await works(server, secret)
    question = text_of(await visitor.get(f"{path}/revoke"))
    assert "API token “Billing” will stop working" in question
    assert await works(server, secret)
    answer = await visitor.post(f"{path}/revoke")
    assert "API token “Billing” was revoked." in text_of(await visitor.follow(answer))
    server.clock.advance(1)
    assert not await works(server, secret)
    assert (await visitor.get(path)).status_code == 404
    assert (await visitor.post(f"{path}/revoke")).status_code == 404


async def test_manager_who_revokes_the_own_token_is_told_and_signed_out(
    server: Server, base: str
) -> None:
    async with visiting(server) as manager:
        await manager.sign_in_as_manager()
        page = await server.client.get("/api/project/tokens", auth=server.tenant.auth)
        path = f"{base}/{page.json()['data'][0]['id']}"
        assert "You have signed in with this API token." in text_of(await manager.get(path))
        assert "you will be signed out" in text_of(await manager.get(f"{path}/revoke"))
        answer = await manager.post(f"{path}/revoke")
        assert (await manager.follow(answer)).status_code == 401
