"""Projects are created, renamed, emptied and deleted, each name once."""

from uuid import UUID

import pytest

from satmint.flows import projects
from satmint.flows.keys import adopt_keyring, record_in_all_projects, record_keys
from satmint.flows.lookup import find_deleted_projects, find_projects
from satmint.flows.projects import (
    ProjectContents,
    count_contents,
    create_project,
    delete_project,
    rename_project,
    replace_contents,
)
from satmint.model.events import Event, EventKind
from satmint.model.listing import Window
from satmint.model.records import Project
from satmint.model.refusals import Code, FieldError, NotFound, RateLimited, Unprocessable
from tests.kit.clock import NOW
from tests.kit.service import ORIGIN, Server

NOBODY = UUID(int=1)


def taken(name: str) -> FieldError:
    return FieldError(
        Code.NOT_UNIQUE_WITHIN_PROJECT,
        f"There is already a project named {name}: choose another name",
        "name",
    )


async def last_event(server: Server, project: UUID) -> Event:
    return (await server.services.store.events.list(project, Window(1000))).items[-1]


async def test_project_is_created_with_a_name_of_its_own(server: Server) -> None:
    created = await create_project(server.services, "acme")
    assert (created.name, created.created_at) == ("acme", NOW)
    assert await server.services.store.projects.get(created.id) == created
    with pytest.raises(Unprocessable) as refused:
        await create_project(server.services, "acme")
    assert refused.value.field_errors == (taken("acme"),)
    assert await find_projects(server.services.store, "acme") == [created]


async def test_project_is_renamed_and_the_event_has_no_name(server: Server) -> None:
    await create_project(server.services, "acme")
    await rename_project(server.services, server.tenant.id, "shop", ORIGIN)
    (found,) = await find_projects(server.services.store, "shop")
    assert found.id == server.tenant.id
    event = await last_event(server, server.tenant.id)
    assert (event.kind, event.cause, event.subject) == (EventKind.PROJECT_RENAMED, "", None)
    with pytest.raises(Unprocessable) as refused:
        await rename_project(server.services, server.tenant.id, "acme", ORIGIN)
    assert refused.value.field_errors == (taken("acme"),)
    with pytest.raises(NotFound, match="project"):
        await rename_project(server.services, NOBODY, "nobody", ORIGIN)


async def test_contents_of_a_project_are_counted(server: Server) -> None:
    await server.sign_in("ada")
    counts = await count_contents(server.services, server.tenant.id)
    assert {kind: number for kind, number in counts.items() if number} == {
        "subscribers": 1,
        "addresses": 4,
        "api_tokens": 1,
        "active_sessions": 1,
    }


async def test_project_is_deleted_in_steps_which_are_told(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.sign_in("ada")
    monkeypatch.setattr(projects, "_ROWS_AT_ONCE", 1)
    server.clock.advance(5)
    told = list[int]()
    removed = await delete_project(server.services, server.tenant.id, ORIGIN, told.append)
    assert removed == told[-1] > 4
    assert told == sorted(told)
    (found,) = await find_deleted_projects(server.services.store, "demo")
    assert (found.id, found.deleted_at) == (server.tenant.id, NOW + 5)
    assert not any((await count_contents(server.services, server.tenant.id)).values())
    event = await last_event(server, server.tenant.id)
    assert (event.kind, event.cause) == (EventKind.PROJECT_REVOKED, "project_deleted")
    assert await delete_project(server.services, server.tenant.id, ORIGIN) == 0
    with pytest.raises(NotFound, match="project"):
        await delete_project(server.services, NOBODY, ORIGIN)


async def test_deleted_project_is_found_among_the_deleted_ones_alone(server: Server) -> None:
    store, other = server.services.store, await create_project(server.services, "other")
    await delete_project(server.services, other.id, ORIGIN)
    for text in ("other", str(other.id)):
        assert [found.id for found in await find_deleted_projects(store, text)] == [other.id]
        assert await find_projects(store, text) == []
    for text in ("demo", str(server.tenant.id), "nothing"):
        assert await find_deleted_projects(store, text) == []


async def test_replaced_contents_end_sessions_and_counts_of_rate_limits(server: Server) -> None:
    pair = await server.sign_in("ada")
    limits = server.services.limits

    async def tested_often() -> None:
        for _ in range(20):
            limits.count_webhook_test(server.tenant.id)

    with pytest.raises(RateLimited):
        await tested_often()
    contents = ProjectContents(addresses=[server.tenant.addresses[1]])
    await replace_contents(server.services, server.tenant.id, contents, ORIGIN)
    limits.count_webhook_test(server.tenant.id)
    assert (await server.info(pair["token"])).status_code == 401
    counts = await count_contents(server.services, server.tenant.id)
    assert {kind: number for kind, number in counts.items() if number} == {"addresses": 1}
    assert (await last_event(server, server.tenant.id)).kind is EventKind.PROJECT_REVOKED
    with pytest.raises(NotFound, match="project"):
        await replace_contents(server.services, NOBODY, contents, ORIGIN)


@pytest.mark.parametrize("at_once", [1, 2, 100])
async def test_change_of_the_keyring_is_an_event_of_every_project(
    server: Server, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("satmint.flows.keys._BATCH_SIZE", at_once)
    names = ("one", "two", "three", "four")
    others = [await create_project(server.services, name) for name in names]
    every = [server.tenant.id, *(project.id for project in others)]
    gone = await create_project(server.services, "gone")
    await delete_project(server.services, gone.id, ORIGIN)
    server.clock.advance(5)
    kind = EventKind.KEY_RETIRED
    assert await record_in_all_projects(server.services, kind, "k9", ORIGIN) == len(every)
    for project in every:
        events = (await server.services.store.events.list(project, Window(1000))).items
        found = [(event.at, event.cause, event.origin) for event in events if event.kind is kind]
        assert found == [(NOW + 5, "k9", ORIGIN)]
    assert (await last_event(server, gone.id)).kind is EventKind.PROJECT_REVOKED


async def test_keys_of_a_changed_keyring_are_known_until_another_is_adopted(
    server: Server,
) -> None:
    store = server.services.store
    own = frozenset(key.id for key in server.services.cipher.keyring.keys)
    await record_keys(server.services, ["k8", *own])
    assert await store.known_keys.ids() == own | {"k8"}
    assert await adopt_keyring(server.services) == own | {"k8"}
    assert await store.known_keys.ids() == own


async def test_projects_of_the_same_name_are_all_found(server: Server) -> None:
    """Earlier versions did not ask for a name of its own."""
    second = Project(server.services.new_id(), "demo", NOW + 1)
    await server.services.store.projects.create(second)
    found = await find_projects(server.services.store, "demo")
    assert [one.id for one in found] == [server.tenant.id, second.id]
