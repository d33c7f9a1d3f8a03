"""Click-to-Call tokens: created, counted, disabled, deleted."""

import httpx
import pytest

from satmint.console import c2c_uses
from satmint.console.c2c_uses import count_uses
from tests.console.shown import errors_of, secret_of, text_of, value_of
from tests.console.visitor import Visitor
from tests.kit.service import Server

EMBEDS = "/api/fabric/embeds/tokens"
ORIGIN = "https://www.example.com"


@pytest.fixture
def base(server: Server) -> str:
    return f"/console/projects/{server.tenant.id}/click-to-call"


async def exchange(server: Server, token: str, origin: str = ORIGIN) -> int:
    body, headers = {"token": token}, {"Origin": origin}
    return (await server.client.post(EMBEDS, json=body, headers=headers)).status_code


async def create(visitor: Visitor, base: str, **fields: str) -> httpx.Response:
    await visitor.get(f"{base}/create")
    return await visitor.post(f"{base}/create", fields)


async def id_of(server: Server, name: str) -> str:
    page = await server.client.get("/api/satmint/c2c-tokens", auth=server.tenant.auth)
    return next(str(one["id"]) for one in page.json()["data"] if one["name"] == name)


@pytest.mark.parametrize("named", ["/public/support", "support", "id"])
async def test_created_token_is_good_for_its_origins(
    server: Server, visitor: Visitor, base: str, named: str
) -> None:
    address = str(server.tenant.addresses[0].id) if named == "id" else named
    origins = f"{ORIGIN}\r\n\r\n  https://Shop.Example.com:443 "
    answer = await create(visitor, base, address_id=address, name="Front page", origins=origins)
    secret = secret_of(answer)
    assert await exchange(server, secret) == 201
    assert await exchange(server, secret, "https://shop.example.com") == 201
    assert await exchange(server, secret, "https://evil.test") == 403
    shown = await visitor.get(base)
    assert secret not in shown.text
    assert "Front page /public/support https://www.example.com https://shop.example.com 2" in (
        text_of(shown)
    )


async def test_bad_input_comes_back_beside_its_field(visitor: Visitor, base: str) -> None:
    answer = await create(visitor, base, address_id="/public/nowhere", origins="example.com")
    assert errors_of(answer) == {"address_id": "The address must belong to the project."}
    assert value_of(answer, "address_id") == "/public/nowhere"
    answer = await create(visitor, base, origins="example.com", name="x" * 256)
    assert errors_of(answer) == {
        "address_id": "Required parameter is missing.",
        "name": "Name must be at most 255 characters long.",
        "origins": "Origins must be up to 50 web origins, https://host[:port].",
    }
    assert "example.com</textarea>" in answer.text


async def test_address_of_several_contexts_needs_its_path(
    server: Server, visitor: Visitor, base: str
) -> None:
    body = {"name": "support", "context": "private", "type": "app"}
    auth = server.tenant.auth
    await server.client.post("/api/satmint/addresses", json=body, auth=auth)
    answer = await create(visitor, base, address_id="support")
    assert errors_of(answer) == {
        "address_id": "Several addresses have this name: give the path, /context/name."
    }
    assert (await create(visitor, base, address_id="/private/support")).status_code == 200


async def test_form_suggests_addresses_and_can_be_filled_by_a_link(
    visitor: Visitor, base: str
) -> None:
    form = await visitor.get(f"{base}/create?address=/public/menu")
    assert value_of(form, "address_id") == "/public/menu"
    assert '<option value="/public/sales">' in form.text


async def test_uses_of_the_last_day_are_counted_up_to_a_limit(
    server: Server, visitor: Visitor, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, secret = await server.c2c_token()
    other, _ = await server.c2c_token()
    for _ in range(3):
        assert await exchange(server, secret) == 201
    uses = await count_uses(server.services, server.tenant.id)
    assert (uses.of(token), uses.of(other), uses.is_exact) == (3, 0, True)
    monkeypatch.setattr(c2c_uses, "_EXAMINED", 2)
    uses = await count_uses(server.services, server.tenant.id)
    assert (uses.of(token), uses.is_exact) == (2, False)
    assert "at least 2" in text_of(await visitor.get(base))
    server.clock.advance(86_401)
    assert (await count_uses(server.services, server.tenant.id)).of(token) == 0


async def test_token_is_disabled_and_then_deleted(
    server: Server, visitor: Visitor, base: str
) -> None:
    token, secret = await server.c2c_token()
    path = f"{base}/{token}"
    assert "cannot be enabled again" in text_of(await visitor.get(f"{path}/disable"))
    assert await exchange(server, secret) == 201
    answer = await visitor.post(f"{path}/disable")
    shown = text_of(await visitor.follow(answer))
    assert "Click-to-Call token “kit” was disabled." in shown
    assert "State disabled" in shown
    assert await exchange(server, secret) == 403
    await visitor.get(f"{path}/delete")
    answer = await visitor.post(f"{path}/delete")
    assert "Click-to-Call token “kit” was deleted." in text_of(await visitor.follow(answer))
    assert await exchange(server, secret) == 404
    assert (await visitor.get(path)).status_code == 404


async def test_token_of_a_deleted_address_says_so(
    server: Server, visitor: Visitor, base: str
) -> None:
    token, _ = await server.c2c_token()
    address = server.tenant.addresses[0].id
    auth = server.tenant.auth
    await server.client.delete(f"/api/satmint/addresses/{address}", auth=auth)
    assert "kit deleted every page" in text_of(await visitor.get(base))
    assert "Visitors are refused." in text_of(await visitor.get(f"{base}/{token}"))
