"""A request with an idempotency key is done once, as long as the key is remembered."""

from uuid import UUID

from satmint.flows.idempotency import RequestIdentity, perform_once
from satmint.flows.rooms import NewRoom, create_room, get_room
from satmint.flows.service_context import ServiceContext
from satmint.model.rooms import Room
from tests.kit.service import Server

DAY = 86_400


async def room_of(server: Server, key: str) -> tuple[Room, bool]:
    """The room of a request, and whether it was made before. Each has another name."""
    project = server.tenant.id

    async def make(services: ServiceContext) -> Room:
        return await create_room(services, project, NewRoom(f"room-{services.clock.now()}"))

    async def repeat(services: ServiceContext, room: UUID) -> Room:
        return await get_room(services.store, project, room)

    request = RequestIdentity(server.tenant.caller, "POST", "/rooms", key, {"name": "any"})
    return await perform_once(server.services, request, make, repeat)


async def purged(server: Server) -> None:
    await server.services.store.purge(server.clock.now(), 0, 1000)


async def test_key_is_remembered_for_a_day(server: Server) -> None:
    first, repeated = await room_of(server, "one")
    assert not repeated
    server.clock.advance(DAY - 1)
    await purged(server)
    assert await room_of(server, "one") == (first, True)
    server.clock.advance(2)
    await purged(server)
    second, repeated = await room_of(server, "one")
    assert (second.id != first.id, repeated) == (True, False)


async def test_another_key_is_another_request(server: Server) -> None:
    first, _ = await room_of(server, "one")
    server.clock.advance(1)
    other, repeated = await room_of(server, "two")
    assert (other.id != first.id, repeated) == (True, False)
