"""API tokens of a project as a list: masked, and with their last use."""

from typing import Final

import httpx

from satmint.model.times import iso
from tests.http.answer_contract import field_errors
from tests.kit.service import BASE_URL, Json, Server, said

TOKENS: Final = "/api/project/tokens"
USES: Final = "/api/satmint/api-tokens"
ADDRESSES: Final = "/api/fabric/addresses"


async def listed(server: Server, path: str = TOKENS, auth: httpx.Auth | None = None) -> list[Json]:
    answer = await server.client.get(path, auth=auth or server.tenant.auth)
    data = said(answer, 200)["data"]
    assert isinstance(data, list)
    return data


async def created(server: Server, name: str = "ci", *permissions: str) -> Json:
    body = {"name": name, "permissions": permissions or ["video"]}
    return said(await server.client.post(TOKENS, json=body, auth=server.tenant.auth), 200)


def masked(token: str) -> str:
    return f"{token[:6]}…{token[-3:]}"


async def test_api_tokens_are_listed_and_masked(server_on_each_store: Server) -> None:
    server = server_on_each_store
    server.clock.advance(1)
    made = await created(server)
    kit, ci = await listed(server)
    assert ci == {**made, "token": masked(made["token"])}
    assert kit.keys() == {"id", "name", "permissions", "token"}
    assert kit["name"] == "kit"
    renamed = await server.client.patch(
        f"{TOKENS}/{made['id']}", json={"name": "deploy"}, auth=server.tenant.auth
    )
    assert said(renamed, 200) == {**ci, "name": "deploy"}


async def test_api_tokens_are_paged(server_on_each_store: Server) -> None:
    server = server_on_each_store
    for number in range(4):
        server.clock.advance(1)
        await created(server, f"ci-{number}")
    names, path = list[str](), f"{TOKENS}?page_size=2"
    while path:
        page = said(await server.client.get(path, auth=server.tenant.auth), 200)
        names += [token["name"] for token in page["data"]]
        path = page["links"].get("next", "").removeprefix(BASE_URL)
    assert names == ["kit", "ci-0", "ci-1", "ci-2", "ci-3"]


async def test_api_tokens_of_another_project_are_not_listed(server: Server) -> None:
    other = await server.another_tenant()
    mine = [token["id"] for token in await listed(server)]
    theirs = [token["id"] for token in await listed(server, auth=other.auth)]
    assert len(mine) == len(theirs) == 1
    assert mine != theirs
    assert [token["id"] for token in await listed(server, USES, other.auth)] == theirs


async def test_lists_of_api_tokens_require_management(server: Server) -> None:
    made = await created(server)
    auth = httpx.BasicAuth(str(server.tenant.id), made["token"])
    for path in (TOKENS, USES):
        answer = await server.client.get(path, auth=auth)
        assert answer.status_code == 401


async def test_a_use_is_shown_by_its_hour(server_on_each_store: Server) -> None:
    server = server_on_each_store
    made = await created(server)
    auth = httpx.BasicAuth(str(server.tenant.id), made["token"])
    unused = {token["id"]: token for token in await listed(server, USES)}[made["id"]]
    assert unused == {
        "id": made["id"],
        "name": "ci",
        "permissions": ["video"],
        "token": masked(made["token"]),
        "created_at": iso(server.clock.now()),
        "last_used_at": None,
    }
    for seconds in (0, 3600):
        server.clock.advance(seconds)
        said(await server.client.get(ADDRESSES, auth=auth), 200)
        await server.settled()
        hour = iso(server.clock.now() // 3600 * 3600)
        uses = {token["id"]: token for token in await listed(server, USES)}
        assert uses[made["id"]] == {**unused, "last_used_at": hour}


async def test_many_requests_within_an_hour_are_one_write(server: Server) -> None:
    statements = list[str]()
    writer = server.service.store._writer  # type: ignore[attr-defined]
    writer._connection.set_trace_callback(statements.append)
    for _ in range(30):
        server.clock.advance(10)
        await listed(server)
        await server.settled()
    written = [one for one in statements if one.startswith("UPDATE api_tokens")]
    assert len(written) == 1


async def test_a_token_of_an_earlier_version_gets_its_mask_when_it_is_used(
    server_on_each_store: Server,
) -> None:
    server = server_on_each_store
    db = server.services.store.projects._db  # type: ignore[attr-defined]
    made = await created(server)
    await db.execute("UPDATE api_tokens SET mask = NULL", project=server.tenant.id)
    shown = {token["name"]: token["token"] for token in await listed(server)}
    assert shown["ci"] == "PT…"
    auth = httpx.BasicAuth(str(server.tenant.id), made["token"])
    said(await server.client.get(ADDRESSES, auth=auth), 200)
    await server.settled()
    assert masked(made["token"]) in [token["token"] for token in await listed(server)]


async def test_requests_are_answered_while_uses_cannot_be_written(server: Server) -> None:
    guard = server.service.store._guard  # type: ignore[attr-defined]
    guard.cause = "sqlite_no_wal"
    assert (await listed(server, USES))[0]["last_used_at"] is None
    guard.cause = ""
    await server.settled()
    assert (await listed(server, USES))[0]["last_used_at"] is not None


async def test_another_subproject_is_refused_with_the_vendors_code(server: Server) -> None:
    other = await server.another_tenant()
    body = {"name": "x", "permissions": ["chat"], "subproject_id": str(other.id)}
    answer = await server.client.post(TOKENS, json=body, auth=server.tenant.auth)
    message = "Subproject Id must be the id of this project: there are no subprojects"
    assert field_errors(answer) == [("invalid_subproject_id", message, "subproject_id")]
