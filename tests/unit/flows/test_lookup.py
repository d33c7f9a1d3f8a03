"""Finding things by id, by name or by text, in the right project only."""

from uuid import UUID

import pytest

from satmint.flows.addresses import NewAddress, create_address
from satmint.flows.lookup import (
    find_addresses,
    find_api_token,
    find_c2c_token,
    find_projects,
    find_subscriber,
    list_projects,
)
from satmint.model.records import AddressType, Project
from satmint.model.refusals import NotFound
from tests.kit.service import Server


async def test_project_by_id_or_name(server: Server) -> None:
    server.clock.advance(1)
    other = Project(server.services.new_id(), "demo", server.clock.now())
    await server.services.store.projects.create(other)
    assert [found.id for found in await list_projects(server.services.store)] == [
        server.tenant.id,
        other.id,
    ]
    assert await find_projects(server.services.store, str(other.id)) == [other]
    assert len(await find_projects(server.services.store, "demo")) == 2
    assert await find_projects(server.services.store, "nothing") == []


async def test_api_token_by_its_text(server: Server) -> None:
    other = await server.another_tenant()
    for tenant in (server.tenant, other):
        found = await find_api_token(server.services.store, tenant.api_token)
        assert found is not None
        assert found.project == tenant.id
    assert await find_api_token(server.services.store, other.api_token, server.tenant.id) is None
    assert await find_api_token(server.services.store, "PT" + "0" * 48) is None


async def test_c2c_token_by_its_text(server: Server) -> None:
    token_id, text = await server.c2c_token()
    found = await find_c2c_token(server.services.store, text)
    assert found is not None
    assert found.id == token_id
    assert await find_c2c_token(server.services.store, text[:-1]) is None


async def test_address_by_id_path_or_name(server: Server) -> None:
    project, support = server.tenant.id, server.tenant.addresses[0]
    private = await create_address(
        server.services, project, NewAddress("support", AddressType.APP, "private")
    )

    async def called(text: str) -> list[UUID]:
        return [found.id for found in await find_addresses(server.services.store, project, text)]

    assert await called(str(support.id)) == [support.id]
    assert await called("/public/support") == [support.id]
    assert await called("private/support") == [private.id]
    assert sorted(await called("support")) == sorted([support.id, private.id])
    assert await called("nobody") == []
    other = await server.another_tenant()
    assert await called(str(other.addresses[0].id)) == []


async def test_subscriber_by_id_reference_or_email(server: Server) -> None:
    made = [UUID((await server.sign_in(name))["subscriber_id"]) for name in "abcde"]
    mailed = UUID((await server.sign_in("alice@example.com"))["subscriber_id"])
    project = server.tenant.id
    for name, subscriber in zip("abcde", made, strict=True):
        assert (await find_subscriber(server.services.store, project, name)).id == subscriber
    assert (await find_subscriber(server.services.store, project, str(made[3]))).id == made[3]
    assert (await find_subscriber(server.services.store, project, "alice@example.com")).id == mailed
    for text in ("nobody", str(UUID(int=7))):
        with pytest.raises(NotFound) as refusal:
            await find_subscriber(server.services.store, project, text)
        assert refusal.value.cause == "subscriber"
