"""Pages of records: two projects never see each other, and no change without the CSRF token."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from satmint.console.page import Action, Page
from satmint.console.pages import (
    address,
    addresses,
    api_token,
    api_tokens,
    c2c_token,
    click_to_call,
    room,
    rooms,
    session,
    sessions,
    subscriber,
    subscribers,
    webhook,
    webhooks,
)
from tests.console.record_samples import KEY
from tests.console.visitor import Visitor, visiting
from tests.kit.service import Rows, Server, Tenant

LISTS: Final = (
    *(addresses.PAGE, api_tokens.PAGE, click_to_call.PAGE, rooms.PAGE, sessions.PAGE),
    *(subscribers.PAGE, webhooks.PAGE),
)
DETAILS: Final = (
    *(address.PAGE, api_token.PAGE, c2c_token.PAGE, room.PAGE, session.PAGE),
    *(subscriber.PAGE, webhook.PAGE),
)
FORMS: Final[Mapping[str, Mapping[str, str]]] = {
    "/addresses/create": {"name": "mine", "type": "app"},
    "/api-tokens/create": {"name": "mine", "permissions": "calling"},
    "/click-to-call/create": {"address_id": "/public/support"},
    "/rooms/create": {"name": "mine"},
    "/subscribers/create": {"email": "mine@example.com"},
    "/webhooks/create": {"url": "https://hooks.example.invalid/mine"},
    "/sessions/revoke": {"all": "yes", "typed": "revoke"},
    "/retry": {"delivery": "00000000-0000-4000-8000-000000000000"},
    "/change": {
        "name": "mine",
        "context": "public",
        "type": "app",
        "channels": "audio",
        "permissions": "calling",
        "first_name": "Mine",
    },
    "/revoke-key": {"key": KEY},
}
"""Fields that an action accepts, by the end of its path."""


def actions_of(*pages: Page) -> list[tuple[Page, Action]]:
    return [(page, action) for page in pages for action in page.actions]


def named(value: object) -> str:
    return value.path.partition("}")[2] if isinstance(value, Page) else value.name  # type: ignore[attr-defined]


@dataclass(slots=True)
class Foreign:
    """A project with one record of each kind."""

    tenant: Tenant
    ids: Mapping[str, str]
    """By the placeholder of its page."""

    def path(self, page: Page, project: Tenant, action: str = "") -> str:
        """The path of a page with this project's record, below a project."""
        path = f"/console{page.path}{action}".replace("{project}", str(project.id))
        for name, value in self.ids.items():
            path = path.replace(f"{{{name}}}", value)
        return path


@pytest.fixture
async def foreign(server: Server) -> Foreign:
    return await a_project(server, await server.another_tenant())


async def a_project(server: Server, tenant: Tenant) -> Foreign:
    async def post(path: str, **body: object) -> Mapping[str, str]:
        answer = await server.client.post(path, json=body, auth=tenant.auth)
        answer.raise_for_status()
        made: Mapping[str, str] = answer.json()
        return made

    address_id = str(tenant.addresses[0].id)
    pair = await post("/api/fabric/subscribers/tokens", reference="carol", fingerprint=KEY)
    listed = await server.client.get("/api/satmint/sessions", auth=tenant.auth)
    ids = {
        "address": address_id,
        "api_token": (await post("/api/project/tokens", name="t", permissions=["fax"]))["id"],
        "c2c_token": (await post("/api/satmint/c2c-tokens", address_id=address_id))["id"],
        "session": str(listed.json()["data"][0]["id"]),
        "webhook": (await post("/api/satmint/webhooks", url="https://hooks.example.invalid/x"))[
            "id"
        ],
        "room": (await post("/api/fabric/resources/conference_rooms", name="cellar"))["id"],
        "subscriber": pair["subscriber_id"],
    }
    return Foreign(tenant, ids)


@pytest.fixture(params=["operator", "manager"])
async def visitor(server: Server, request: pytest.FixtureRequest) -> AsyncIterator[Visitor]:
    async with visiting(server) as visitor:
        if request.param == "operator":
            await visitor.sign_in_as_operator()
        else:
            await visitor.sign_in_as_manager()
        yield visitor


def fields_of(path: str) -> Mapping[str, str]:
    return next((fields for end, fields in FORMS.items() if path.endswith(end)), {})


async def written(server: Server) -> Rows:
    """All that the pages can write; uses of API tokens are recorded in the background."""
    await server.settled()
    return await server.rows(
        "addresses", "rooms", "subscribers", "sessions", "c2c_tokens", "events", "webhooks"
    )


@pytest.mark.parametrize("page", DETAILS, ids=named)
async def test_record_of_another_project_is_not_found(
    server: Server, visitor: Visitor, foreign: Foreign, page: Page
) -> None:
    own = server.tenant
    await visitor.get(f"/console/projects/{own.id}/api-tokens")
    before = await written(server)
    assert (await visitor.get(foreign.path(page, own))).status_code == 404
    for action in page.actions:
        path = foreign.path(page, own, f"/{action.name}")
        if action.confirm is not None:
            # A key is not a record: what it would revoke is the subscriber's.
            query = f"?key={KEY}" if action.name == "revoke-key" else ""
            assert (await visitor.get(f"{path}{query}")).status_code == 404
        answer = await visitor.post(path, fields_of(path))
        assert answer.status_code == 404, path
    assert await written(server) == before


async def test_lists_show_nothing_of_another_project(
    server: Server, visitor: Visitor, foreign: Foreign
) -> None:
    for page in LISTS:
        path = foreign.path(page, server.tenant)
        for search in ("", "carol", "cellar", *foreign.ids.values()):
            answer = await visitor.get(f"{path}?search={search}")
            assert answer.status_code == 200
            inside = answer.text.partition("<tbody>")[2]
            assert not [one for one in (*foreign.ids.values(), "carol") if one in inside]


@pytest.mark.parametrize("known_as", ["id", "path"])
async def test_form_that_names_a_record_of_another_project_is_refused(
    server: Server, visitor: Visitor, foreign: Foreign, known_as: str
) -> None:
    form = f"/console/projects/{server.tenant.id}/click-to-call/create"
    await visitor.get(form)
    name = foreign.ids["address"]
    if known_as == "path":
        body = {"name": "theirs", "type": "app"}
        auth = foreign.tenant.auth
        await server.client.post("/api/satmint/addresses", json=body, auth=auth)
        name = "/public/theirs"
    before = await written(server)
    answer = await visitor.post(form, {"address_id": name})
    assert answer.status_code == 422
    assert "The address must belong to the project." in answer.text
    assert await written(server) == before


async def test_manager_opens_nothing_of_another_project(server: Server, foreign: Foreign) -> None:
    async with visiting(server) as manager:
        await manager.sign_in_as_manager()
        await manager.get(f"/console/projects/{server.tenant.id}/api-tokens")
        for page in (*LISTS, *DETAILS):
            assert (await manager.get(foreign.path(page, foreign.tenant))).status_code == 404
        for page, action in actions_of(*LISTS, *DETAILS):
            path = foreign.path(page, foreign.tenant, f"/{action.name}")
            if action.confirm is not None:
                assert (await manager.get(path)).status_code == 404
            assert (await manager.post(path, fields_of(path))).status_code == 404


@pytest.mark.parametrize(("page", "action"), actions_of(*LISTS, *DETAILS), ids=named)
async def test_change_needs_the_csrf_token(
    server: Server, visitor: Visitor, page: Page, action: Action
) -> None:
    records = await a_project(server, server.tenant)
    path = records.path(page, server.tenant, f"/{action.name}")
    before = await written(server)
    for token in ({}, {"csrf_token": ""}, {"csrf_token": "wrong"}):
        answer = await visitor.send(path, {**fields_of(path), **token})
        assert answer.status_code == 403
    # With it, but from a page elsewhere.
    await visitor.get(f"/console/projects/{server.tenant.id}/api-tokens")
    answer = await visitor.post(path, fields_of(path), Origin="http://evil.test")
    assert answer.status_code == 403
    assert await written(server) == before
    # The same form, sent by the console's own page, is accepted.
    answer = await visitor.post(path, fields_of(path))
    # There is no message to send again.
    accepted = (404,) if action.name == "retry" else (200, 303)
    assert answer.status_code in accepted, answer.text


@pytest.mark.parametrize("page", DETAILS, ids=named)
@pytest.mark.parametrize("value", ["nonsense", "00000000-0000-0000-0000-000000000000", "%00"])
async def test_record_that_does_not_exist_is_not_found(
    server: Server, visitor: Visitor, page: Page, value: str
) -> None:
    path = f"/console{page.path}".replace("{project}", str(server.tenant.id))
    path = path.partition("{")[0] + value
    assert (await visitor.get(path)).status_code == 404
