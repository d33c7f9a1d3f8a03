"""What the audit trail says of each token that is issued: whose it is, and of which generation."""

from uuid import UUID

from satmint.flows.callers import subscriber_caller
from satmint.flows.issue import (
    GuestTokenRequest,
    embed_token,
    guest_tokens,
)
from satmint.model.claims import Claims
from satmint.model.events import EventKind
from tests.kit.clock import NOW
from tests.kit.service import ORIGIN, Server
from tests.unit.flows.token_chain import a_line

Told = tuple[EventKind, UUID | None, UUID | None, UUID | None, int | None]


def issued(claims: Claims, subject: UUID | None = None) -> Told:
    return EventKind.ISSUED, claims.sub, claims.sid, subject, 0


async def told(server: Server) -> list[Told]:
    """The newest events of tokens."""
    kinds = EventKind.ISSUED, EventKind.REFRESHED
    found = [event for event in await server.audit_trail() if event.kind in kinds]
    assert {(event.at, event.origin) for event in found} == {(NOW, ORIGIN)}
    return [
        (event.kind, event.subscriber, event.session, event.subject, event.generation)
        for event in found
    ]


async def test_first_tokens_of_each_kind_are_of_generation_zero(server: Server) -> None:
    services, caller = server.services, server.tenant.caller
    line = await a_line(server)
    request = GuestTokenRequest((server.tenant.addresses[0].id,))
    guest = await guest_tokens(services, caller, request, ORIGIN)
    c2c_token, text = await server.c2c_token()
    visitor = await embed_token(services, text, None, ORIGIN)
    assert await told(server) == [
        issued(line.sat()),
        issued(server.claims(guest.token)),
        issued(server.claims(visitor), c2c_token),
    ]
    assert (await subscriber_caller(services, visitor)).session.c2c_token == c2c_token


async def test_refresh_names_the_generation_that_it_has_made(server: Server) -> None:
    line = await a_line(server)
    await line.present()
    sat = line.sat()
    assert (await told(server))[-1] == (EventKind.REFRESHED, sat.sub, sat.sid, None, 1)
