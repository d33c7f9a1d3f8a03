"""Names of projects, and their deletion: tokens at once, rows in steps that others continue."""

import asyncio
import re
from pathlib import Path
from uuid import UUID

import pytest

from satmint.model.events import EventKind
from satmint.model.listing import AddressFilter, Window
from satmint.model.records import Presence, Project
from satmint.model.rotation import Cause, Refused
from satmint.store.contract import NotUnique, ProjectContents, Store
from satmint.store.sql import migrations
from satmint.store.sql.project_deletion import TABLES
from tests.kit.clock import NOW
from tests.store.conftest import Open
from tests.store.store_setup import ALL, Given
from tests.store.tables import whole_tables


async def test_of_two_projects_created_at_once_with_one_name_one_is_refused(
    database: Open, given: Given
) -> None:
    async with database() as one, database() as two:
        made = await asyncio.gather(
            *(
                store.projects.create(Project(given.id(), "twin", NOW), unique=True)
                for store in (one, two, one, two)
            ),
            return_exceptions=True,
        )
    assert [type(found) for found in made if found is not None] == [NotUnique] * 3
    assert [project.name for project in await given.store.projects.list()] == ["twin"]


async def test_a_renamed_project_has_a_name_that_no_other_has(store: Store, given: Given) -> None:
    mine, other = await given.project("mine"), await given.project("other")
    event = given.event(EventKind.PROJECT_RENAMED, mine)
    assert await store.projects.rename(mine, "renamed", event)
    with pytest.raises(NotUnique):
        await store.projects.rename(other, "renamed", given.event(EventKind.PROJECT_RENAMED, other))
    assert not await store.projects.rename(
        given.id(), "unknown", given.event(EventKind.PROJECT_RENAMED, other)
    )
    for project, events in ((mine, [EventKind.PROJECT_RENAMED]), (other, [])):
        page = await store.events.list(project, ALL)
        assert [one.kind for one in page.items] == events
    assert {project.name for project in await store.projects.list()} == {"renamed", "other"}


async def test_the_name_of_a_deleted_project_is_free(store: Store, given: Given) -> None:
    project = await given.project("name")
    event = given.event(EventKind.PROJECT_REVOKED, project)
    assert await store.projects.delete(project, NOW, event)
    await store.projects.create(Project(given.id(), "name", NOW), unique=True)
    assert not await store.projects.rename(
        project, "another", given.event(EventKind.PROJECT_RENAMED, project)
    )


async def filled_project(given: Given) -> UUID:
    """A project with rows in most tables."""
    project = await given.project()
    await given.api_token(project)
    await given.c2c_token(project)
    await given.room(project)
    ref = await given.session(project)
    await given.session(project, "bob")
    await given.guest(project)
    found = await given.store.sessions.get(project, ref.session)
    assert found is not None
    subscriber = found.session.subscriber
    lease = Presence(project, given.id(), subscriber, ref.session, NOW, NOW + 60)
    await given.store.presence.set_online([lease], NOW)
    return project


async def test_contents_are_counted(store: Store, given: Given) -> None:
    project = await filled_project(given)
    await given.revoke(await given.session(project, "carol"))
    counts = await store.projects.count_contents(project, NOW)
    assert counts == {
        "active_sessions": 3,
        "api_tokens": 1,
        "c2c_tokens": 1,
        "webhooks": 0,
        "addresses": 5,
        "subscribers": 4,
    }
    later = await store.projects.count_contents(project, NOW + 40 * 86_400)
    assert later["active_sessions"] == 0


async def test_no_token_outlives_the_deletion(store: Store, given: Given) -> None:
    project, other = await given.project(), await given.project("other")
    api_token, c2c_token = await given.api_token(project), await given.c2c_token(project)
    session, kept = await given.session(project), await given.session(other)
    kept_token = await given.api_token(other)
    event = given.event(EventKind.PROJECT_REVOKED, project)
    assert await store.projects.delete(project, NOW, event)

    assert await store.projects.api_token_by_digest(project, api_token.digest) is None
    assert await store.projects.c2c_token_by_digest(c2c_token.digest) is None
    assert await given.rotate(session) == Refused(Cause.REVOKED)
    deleted = await store.projects.get(project)
    assert deleted is not None
    assert deleted.deleted_at == NOW
    # Sessions that are opened by a request that was accepted before.
    _, guest = await given.guest(project)
    for late in (await given.session(project), await given.session(project, "new"), guest):
        assert await given.rotate(late) == Refused(Cause.REVOKED)
        found = await store.sessions.get(project, late.session)
        assert found is not None
        assert not found.session.is_active(NOW)

    assert (await given.kinds(project))[-1] is EventKind.ISSUED
    assert EventKind.PROJECT_REVOKED in await given.kinds(project)
    # A repeated call records nothing.
    again = given.event(EventKind.PROJECT_REVOKED, project)
    assert await store.projects.delete(project, NOW + 5, again)
    assert (await given.kinds(project)).count(EventKind.PROJECT_REVOKED) == 1
    unknown = given.id()
    assert not await store.projects.delete(
        unknown, NOW, given.event(EventKind.PROJECT_REVOKED, unknown)
    )

    assert await store.projects.api_token_by_digest(other, kept_token.digest) == kept_token
    assert not isinstance(await given.rotate(kept), Refused)


async def test_rows_go_in_steps_and_those_of_others_stay(store: Store, given: Given) -> None:
    project, other = await filled_project(given), await filled_project(given)
    step = await store.projects.delete_rows(project, 100)
    assert (step.removed, step.more) == (0, False)  # it is not deleted
    await store.projects.delete(project, NOW, given.event(EventKind.PROJECT_REVOKED, project))
    before = await rows_of(store, other)
    steps = 0
    while (step := await store.projects.delete_rows(project, 3)).more:
        assert step.removed <= 3
        steps += 1
    assert steps > 2
    assert {table for table, _ in await rows_of(store, project)} == {"projects", "events"}
    assert await rows_of(store, other) == before


async def test_contents_are_replaced_in_one_step(store: Store, given: Given) -> None:
    project, other = await filled_project(given), await filled_project(given)
    before, session = await rows_of(store, other), await given.session(project)
    first = ProjectContents(
        (await store.addresses.list(project, AddressFilter(), Window(1))).items,
        (await store.projects.list_api_tokens(project, Window(9))).items,
        (await store.projects.list_c2c_tokens(project, Window(9))).items,
    )
    for _ in range(2):
        event = given.event(EventKind.PROJECT_REVOKED, project)
        assert await store.projects.replace_contents(project, first, NOW, event)
    tables = [table for table, _ in await rows_of(store, project) if table != "events"]
    assert sorted(tables) == ["addresses", "api_tokens", "c2c_tokens", "projects"]
    assert await store.projects.api_token(project, first.api_tokens[0].id) == first.api_tokens[0]
    assert await store.projects.c2c_token(project, first.c2c_tokens[0].id) == first.c2c_tokens[0]
    assert await store.addresses.get(project, first.addresses[0].id) == first.addresses[0]
    assert isinstance(await given.rotate(session), Refused)
    assert not isinstance(await given.rotate(await given.session(project)), Refused)
    assert await rows_of(store, other) == before


async def test_a_deleted_project_gets_no_contents(store: Store, given: Given) -> None:
    project = await given.project()
    token = await given.api_token(project)
    event = given.event(EventKind.PROJECT_REVOKED, project)
    await store.projects.delete(project, NOW, event)
    contents = ProjectContents(api_tokens=[token])
    assert not await store.projects.replace_contents(project, contents, NOW, event)
    assert await store.projects.api_token_by_digest(project, token.digest) is None


async def test_interrupted_deletion_is_continued_by_the_purge(database: Open, given: Given) -> None:
    project, other = await filled_project(given), await given.project("other")
    async with database() as interrupted:
        event = given.event(EventKind.PROJECT_REVOKED, project)
        await interrupted.projects.delete(project, NOW, event)
        await interrupted.projects.delete_rows(project, 2)
    async with database() as server:
        while (await server.purge(NOW, 0, 4)).more:
            pass
        assert {table for table, _ in await rows_of(server, project)} == {"projects", "events"}
        # With its last event, the project itself goes.
        for _ in range(3):
            await server.purge(NOW, NOW + 86_400, 500)
        assert await rows_of(server, project) == []
        assert [found.id for found in await server.projects.list()] == [other]


async def rows_of(store: Store, project: UUID) -> list[tuple[str, tuple[object, ...]]]:
    """The rows that belong to a project, with their tables."""
    return [
        (table, row)
        for table, rows in (await whole_tables(store)).items()
        for row in rows
        if row and row[0] in (project, project.bytes)
    ]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_every_table_of_projects_is_deleted_from(database: str) -> None:
    folder = Path(migrations.__file__).parent / database
    created = {
        name
        for file in folder.glob("*.sql")
        for name in re.findall(r"CREATE TABLE (\w+) \(\s*project_id", file.read_text())
    }
    assert created == {*TABLES, "projects", "events"}
