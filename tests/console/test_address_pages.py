"""Addresses and rooms: found, created, changed, locked, deleted."""

import pytest

from satmint.model.events import EventKind
from tests.console.shown import errors_of, text_of, value_of
from tests.console.visitor import Fields, Visitor
from tests.kit.service import Server


@pytest.fixture
def project(server: Server) -> str:
    return f"/console/projects/{server.tenant.id}"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"support", "sales", "menu"}),
        ("search=sales", {"sales"}),
        ("search=/public/sales", {"sales"}),
        ("search=%20sales%20", {"sales"}),
        ("search=/private/sales", set()),
        ("search=nothing", set()),
        ("type=app", {"menu"}),
        ("type=app&search=sales", set()),
        ("type=nonsense", {"support", "sales", "menu"}),
        ("page_token=nonsense", {"support", "sales", "menu"}),
    ],
)
async def test_addresses_are_found(
    visitor: Visitor, project: str, query: str, found: set[str]
) -> None:
    answer = await visitor.get(f"{project}/addresses?{query}")
    assert answer.status_code == 200
    shown = text_of(answer)
    assert {name for name in ("support", "sales", "menu") if f"/public/{name} " in shown} == found
    assert ("No address found" in shown) == (not found)


async def test_addresses_are_found_by_id_and_by_display_name(
    server: Server, visitor: Visitor, project: str
) -> None:
    address = server.tenant.addresses[0]
    assert f"/public/{address.name}" in text_of(
        await visitor.get(f"{project}/addresses?search={address.id}")
    )
    path = f"{project}/addresses/{address.id}"
    await visitor.get(f"{path}/change")
    fields: Fields = {
        "name": address.name,
        "context": "public",
        "type": "room",
        "display_name": "Help desk",
        "channels": ["audio", "messaging", "video"],
    }
    await visitor.post(f"{path}/change", fields)
    assert f"/public/{address.name}" in text_of(
        await visitor.get(f"{project}/addresses?search=Help+desk")
    )


async def test_address_is_created_changed_locked_and_deleted(
    server: Server, visitor: Visitor, project: str
) -> None:
    await visitor.get(f"{project}/addresses/create")
    fields: Fields = {"name": "lobby", "type": "app", "channels": ["audio"], "context": ""}
    answer = await visitor.post(f"{project}/addresses/create", fields)
    path = answer.headers["location"]
    shown = text_of(await visitor.follow(answer))
    assert "Address “/public/lobby” was created." in shown
    assert "audio" in shown
    assert "messaging" not in shown

    form = await visitor.get(f"{path}/change")
    assert value_of(form, "display_name") == "lobby"
    fields = {**fields, "context": "private", "display_name": "The lobby"}
    shown = text_of(await visitor.follow(await visitor.post(f"{path}/change", fields)))
    assert "Address “/private/lobby” was changed." in shown
    await visitor.get(f"{path}/change")
    answer = await visitor.post(f"{path}/change", fields)
    assert "Nothing was changed." in text_of(await visitor.follow(answer))

    lists = f"{project}/addresses?type=app"
    await visitor.get(lists)
    answer = await visitor.post(f"{path}/lock", {"back": lists})
    assert answer.headers["location"] == lists
    assert "Address “/private/lobby” was locked." in text_of(await visitor.follow(answer))
    answer = await visitor.post(f"{path}/unlock")
    assert answer.headers["location"] == path
    assert "open" in text_of(await visitor.follow(answer))

    assert "end at once" in text_of(await visitor.get(f"{path}/delete"))
    answer = await visitor.post(f"{path}/delete")
    assert "Address “/private/lobby” was deleted." in text_of(await visitor.follow(answer))
    assert (await visitor.get(path)).status_code == 404
    assert (await server.events())[-1] is EventKind.ADDRESS_DELETED


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.test/",
        "//evil.test",
        "/console/projects",
        "{lists}/../x",
        "{lists}?\r\nSet-Cookie: a=b",
        "{lists}?ä",
    ],
)
async def test_button_of_a_list_leads_back_to_that_list_only(
    server: Server, visitor: Visitor, project: str, back: str
) -> None:
    lists = f"{project}/addresses"
    await visitor.get(lists)
    path = f"{lists}/{server.tenant.addresses[0].id}"
    answer = await visitor.post(f"{path}/lock", {"back": back.replace("{lists}", lists)})
    assert answer.headers["location"] == path


async def test_bad_addresses_come_back_with_what_was_typed(visitor: Visitor, project: str) -> None:
    await visitor.get(f"{project}/addresses/create")
    fields = {"name": "The Lobby", "type": "app", "cover_url": "javascript:alert(1)"}
    answer = await visitor.post(f"{project}/addresses/create", fields)
    assert errors_of(answer) == {
        "name": "Name must be 1 to 64 lower-case letters, digits and inner hyphens.",
        "cover_url": "Cover Url must be an http or https URL.",
    }
    assert value_of(answer, "name") == "The Lobby"
    assert value_of(answer, "cover_url") == "javascript:alert(1)"
    answer = await visitor.post(f"{project}/addresses/create", {"name": "sales", "type": "app"})
    assert errors_of(answer) == {"name": "Name must be unique within the project."}


async def test_room_is_created_changed_and_deleted_with_its_address(
    server: Server, visitor: Visitor, project: str
) -> None:
    rooms = f"{project}/rooms"
    assert "No rooms" in text_of(await visitor.get(rooms))
    await visitor.get(f"{rooms}/create")
    answer = await visitor.post(f"{rooms}/create", {"name": "board room"})
    assert errors_of(answer) == {"name": "Name must be 1 to 100 characters of A-Z a-z 0-9 _ -."}
    answer = await visitor.post(f"{rooms}/create", {"name": "board", "description": "one\ntwo"})
    path = answer.headers["location"]
    shown = text_of(await visitor.follow(answer))
    assert "Room “board” was created." in shown
    assert "/public/board" in shown

    await visitor.get(f"{path}/change")
    fields = {"name": "board", "display_name": "Board", "description": ""}
    shown = text_of(await visitor.follow(await visitor.post(f"{path}/change", fields)))
    assert "Room “board” was changed." in shown
    assert "Description –" in shown
    assert "board" in text_of(await visitor.get(f"{rooms}?search=Board"))
    assert "No room found" in text_of(await visitor.get(f"{rooms}?search=Cellar"))
    await visitor.get(f"{rooms}/create")
    answer = await visitor.post(f"{rooms}/create", {"name": "board"})
    assert errors_of(answer) == {"name": "Name must be unique within the project."}

    assert "and its address will be deleted" in text_of(await visitor.get(f"{path}/delete"))
    answer = await visitor.post(f"{path}/delete")
    assert "Room “board” was deleted." in text_of(await visitor.follow(answer))
    assert (await visitor.get(path)).status_code == 404
    assert (await server.events())[-2:] == [EventKind.ROOM_DELETED, EventKind.ADDRESS_DELETED]
