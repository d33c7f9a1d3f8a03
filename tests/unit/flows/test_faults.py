"""What is checked before an operation, together with the other members of a body."""

from satmint.flows.callers import subscriber_caller
from satmint.flows.invites import invitation_errors
from satmint.flows.issue import address_errors, c2c_errors
from satmint.flows.refresh import format_errors
from satmint.flows.visible_addresses import addresses_of_caller
from satmint.model.refusals import Code
from tests.kit.service import Server
from tests.unit.flows.token_chain import a_line


async def test_what_is_right_has_no_errors(server: Server) -> None:
    store, caller = server.services.store, server.tenant.caller
    _, text = await server.c2c_token()
    line = await a_line(server)
    holder = await subscriber_caller(server.services, line.pairs[0].token)
    (own,) = await addresses_of_caller(store, holder)
    assert c2c_errors(text) == []
    assert await address_errors(store, caller, (server.tenant.addresses[0].id,)) == []
    assert format_errors(line.pairs[0].refresh_token) == []
    assert await invitation_errors(store, caller, own.id) == []


async def test_what_is_wrong_names_its_member(server: Server) -> None:
    store, other = server.services.store, await server.another_tenant()
    foreign = other.addresses[0].id
    found = [
        *c2c_errors(server.tenant.api_token),
        *await address_errors(store, server.tenant.caller, (foreign,)),
        *format_errors("a.b.c.d"),
    ]
    assert [error.attribute for error in found] == ["token", "allowed_addresses", "refresh_token"]
    assert "this is an API token" in found[0].message
    assert found[1].code is Code.MUST_BELONG_TO_PROJECT
