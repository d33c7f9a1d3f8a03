"""API tokens and Click-to-Call tokens of a project, as a page lists them, and its own record."""

from uuid import UUID

import pytest

from satmint.flows.addresses import get_address
from satmint.flows.credentials import (
    c2c_address_errors,
    create_api_token,
    get_api_token,
    get_c2c_token,
    get_project,
    list_api_tokens,
    list_c2c_tokens,
)
from satmint.flows.rooms import NewRoom, create_room, get_room
from satmint.model.listing import Anchor, Window
from satmint.model.permissions import FABRIC
from satmint.model.refusals import Code, NotFound
from tests.kit.service import ORIGIN, Server

NOBODY = UUID(int=1)


async def test_backend_finds_its_own_project_alone(server: Server) -> None:
    store, own, other = server.services.store, server.tenant.id, await server.another_tenant()
    assert (await get_project(store, own, own)).name == "demo"
    for caller, asked in ((own, other.id), (other.id, own), (own, NOBODY), (NOBODY, NOBODY)):
        with pytest.raises(NotFound, match="project"):
            await get_project(store, caller, asked)


async def test_api_tokens_are_listed_by_pages_oldest_first(server: Server) -> None:
    store, project = server.services.store, server.tenant.id
    server.clock.advance(1)
    second, _ = await create_api_token(server.services, project, "ci", FABRIC, ORIGIN)
    page = await list_api_tokens(store, project, Window(1))
    assert [one.name for one in page.items] == ["kit"]
    assert page.more_after
    after = Anchor(page.items[0].created_at, page.items[0].id)
    page = await list_api_tokens(store, project, Window(1, anchor=after))
    assert (list(page.items), page.more_after) == ([second], False)
    assert await get_api_token(store, project, second.id) == second
    with pytest.raises(NotFound, match="api_token"):
        await get_api_token(store, project, NOBODY)


async def test_click_to_call_tokens_are_listed_oldest_first(server: Server) -> None:
    store, project = server.services.store, server.tenant.id
    ids = []
    for _ in range(2):
        ids.append((await server.c2c_token())[0])
        server.clock.advance(1)
    page = await list_c2c_tokens(store, project, Window(10))
    assert [one.id for one in page.items] == ids
    assert await get_c2c_token(store, project, ids[0]) == page.items[0]


async def test_address_of_the_project_is_no_error_of_a_click_to_call_token(
    server: Server,
) -> None:
    store, (support, *_) = server.services.store, server.tenant.addresses
    assert await c2c_address_errors(store, server.tenant.id, support.id) == []
    (error,) = await c2c_address_errors(store, server.tenant.id, NOBODY)
    assert (error.code, error.attribute) == (Code.MUST_BELONG_TO_PROJECT, "address_id")


async def test_click_to_call_token_that_is_not_there(server: Server) -> None:
    token, _ = await server.c2c_token()
    other = await server.another_tenant()
    for owner, asked in ((server.tenant.id, NOBODY), (other.id, token)):
        with pytest.raises(NotFound, match="c2c_token"):
            await get_c2c_token(server.services.store, owner, asked)


@pytest.mark.parametrize(
    ("given", "shown"), [(None, "lobby"), ("", "lobby"), ("The lobby", "The lobby")]
)
async def test_room_is_shown_by_its_name_where_nothing_else_is_given(
    server: Server, given: str | None, shown: str
) -> None:
    services, other = server.services, await server.another_tenant()
    room = await create_room(services, server.tenant.id, NewRoom("lobby", given))
    assert (room.name, room.display_name) == ("lobby", shown)
    assert await get_room(services.store, server.tenant.id, room.id) == room
    assert (await get_address(services.store, room.project, room.address)).display_name == shown
    with pytest.raises(NotFound, match="room"):
        await get_room(services.store, other.id, room.id)
