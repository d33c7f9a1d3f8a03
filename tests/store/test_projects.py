"""Projects, API tokens and Click-to-Call tokens."""

import asyncio

import pytest
from msgspec.structs import replace

from satmint.model.events import EventKind
from satmint.model.listing import Window
from satmint.model.permissions import Permission
from satmint.model.records import Project
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given


async def test_a_project_is_found_by_its_id_and_only_by_that(store: Store, given: Given) -> None:
    project = Project(given.id(), "acme", NOW)
    await store.projects.create(project)
    assert await store.projects.get(project.id) == project
    assert await store.projects.get(given.id()) is None


async def test_projects_are_listed_oldest_first(store: Store, given: Given) -> None:
    late = await given.project("late", NOW + 1)
    early = await given.project("early", NOW - 1)
    assert [(found.id, found.name) for found in await store.projects.list()] == [
        (early, "early"),
        (late, "late"),
    ]


async def test_an_api_token_is_found_by_digest_and_by_id(store: Store, given: Given) -> None:
    project = await given.project()
    token = await given.api_token(
        project, permissions=frozenset({Permission.VIDEO, Permission.MANAGEMENT})
    )
    assert await store.projects.api_token_by_digest(project, token.digest) == token
    assert await store.projects.api_token(project, token.id) == token
    assert await store.projects.api_token_by_digest(project, given.entropy.take(32)) is None
    assert await store.projects.api_token(project, given.id()) is None


async def test_an_api_token_may_have_no_permission_at_all(store: Store, given: Given) -> None:
    project = await given.project()
    token = await given.api_token(project, permissions=frozenset())
    assert await store.projects.api_token(project, token.id) == token


async def test_an_api_token_is_unknown_in_another_project(store: Store, given: Given) -> None:
    mine, other = await given.project(), await given.project()
    token = await given.api_token(mine)
    event = given.event(EventKind.API_TOKEN_UPDATED, other)
    assert await store.projects.api_token_by_digest(other, token.digest) is None
    assert await store.projects.api_token(other, token.id) is None
    assert await store.projects.update_api_token(other, token.id, "stolen", None, event) is None
    assert await store.projects.delete_api_token(other, token.id, event) is False
    assert await store.projects.api_token(mine, token.id) == token
    assert await given.kinds(other) == []


@pytest.mark.parametrize("name", [None, "renamed"])
@pytest.mark.parametrize(
    "permissions", [None, frozenset[Permission](), frozenset({Permission.FAX, Permission.CHAT})]
)
async def test_updating_an_api_token_sets_what_is_given_and_leaves_the_rest(
    store: Store, given: Given, name: str | None, permissions: frozenset[Permission] | None
) -> None:
    project = await given.project()
    token, bystander = await given.api_token(project), await given.api_token(project)
    event = given.event(EventKind.API_TOKEN_UPDATED, project)
    expected = replace(
        token,
        name=token.name if name is None else name,
        permissions=token.permissions if permissions is None else permissions,
    )
    updated = await store.projects.update_api_token(project, token.id, name, permissions, event)
    assert updated == expected
    assert await store.projects.api_token_by_digest(project, token.digest) == expected
    assert await store.projects.api_token(project, bystander.id) == bystander
    assert (await given.kinds(project))[-1] is EventKind.API_TOKEN_UPDATED


async def test_updating_an_unknown_api_token_records_nothing(store: Store, given: Given) -> None:
    project = await given.project()
    event = given.event(EventKind.API_TOKEN_UPDATED, project)
    assert await store.projects.update_api_token(project, given.id(), "x", None, event) is None
    assert await given.kinds(project) == []


async def test_a_deleted_api_token_opens_nothing_and_is_deleted_once(
    store: Store, given: Given
) -> None:
    project = await given.project()
    token, bystander = await given.api_token(project), await given.api_token(project)

    async def delete() -> bool:
        event = given.event(EventKind.API_TOKEN_DELETED, project)
        return await store.projects.delete_api_token(project, token.id, event)

    assert sorted(await asyncio.gather(*(delete() for _ in range(5)))) == [False] * 4 + [True]
    assert await store.projects.api_token_by_digest(project, token.digest) is None
    assert await store.projects.api_token(project, token.id) is None
    assert await store.projects.api_token(project, bystander.id) == bystander
    assert (await given.kinds(project)).count(EventKind.API_TOKEN_DELETED) == 1


async def test_a_c2c_token_is_found_whichever_project_it_is_of(store: Store, given: Given) -> None:
    plain = await given.c2c_token(await given.project())
    narrow = await given.c2c_token(
        await given.project(), origins=("https://a.example", "http://localhost:3000")
    )
    assert await store.projects.c2c_token_by_digest(plain.digest) == plain
    assert await store.projects.c2c_token_by_digest(narrow.digest) == narrow
    assert await store.projects.c2c_token_by_digest(given.entropy.take(32)) is None


async def test_c2c_tokens_are_listed_for_their_own_project(store: Store, given: Given) -> None:
    mine, other = await given.project(), await given.project()
    late = await given.c2c_token(mine, at=NOW + 1)
    early = await given.c2c_token(mine, at=NOW)
    foreign = await given.c2c_token(other)
    assert await store.projects.c2c_token(mine, late.id) == late
    assert await store.projects.c2c_token(mine, foreign.id) is None
    assert (await store.projects.list_c2c_tokens(mine, ALL)).items == (early, late)
    newest_first = Window(10, descending=True)
    assert (await store.projects.list_c2c_tokens(mine, newest_first)).items == (late, early)


async def test_a_c2c_token_is_disabled_once_and_for_good(store: Store, given: Given) -> None:
    project = await given.project()
    token = await given.c2c_token(project)
    disabled = replace(token, disabled_at=NOW + 5)
    for at in (NOW + 5, NOW + 9):
        event = given.event(EventKind.C2C_TOKEN_DISABLED, project)
        assert await store.projects.disable_c2c_token(project, token.id, at, event) == disabled
    assert await store.projects.c2c_token_by_digest(token.digest) == disabled
    assert await given.kinds(project) == [
        EventKind.C2C_TOKEN_CREATED,
        EventKind.C2C_TOKEN_DISABLED,
    ]


async def test_a_deleted_c2c_token_is_gone_and_is_deleted_once(store: Store, given: Given) -> None:
    project = await given.project()
    token = await given.c2c_token(project)
    for expected in (True, False):
        event = given.event(EventKind.C2C_TOKEN_DELETED, project)
        assert await store.projects.delete_c2c_token(project, token.id, event) is expected
    assert await store.projects.c2c_token_by_digest(token.digest) is None
    assert (await store.projects.list_c2c_tokens(project, ALL)).items == ()
    assert (await given.kinds(project)).count(EventKind.C2C_TOKEN_DELETED) == 1


async def test_a_c2c_token_is_unknown_in_another_project(store: Store, given: Given) -> None:
    mine, other = await given.project(), await given.project()
    token = await given.c2c_token(mine)
    event = given.event(EventKind.C2C_TOKEN_DISABLED, other)
    assert await store.projects.disable_c2c_token(other, token.id, NOW, event) is None
    assert await store.projects.delete_c2c_token(other, token.id, event) is False
    assert await store.projects.c2c_token_by_digest(token.digest) == token
    assert await given.kinds(other) == []
