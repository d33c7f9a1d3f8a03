"""What the holder of a SAT can see."""

from collections.abc import Sequence

from satmint.flows.callers import Caller, Holder
from satmint.flows.mint import Mint
from satmint.model.claims import Kind
from satmint.model.listing import AddressFilter
from satmint.model.records import Address, Subscriber
from satmint.model.refusals import Unauthorized


async def subscriber_of_holder(mint: Mint, holder: Holder) -> Subscriber:
    """The subscriber that a SAT is of.

    Raises:
        Unauthorized: it was deleted a moment ago.
    """
    found = await mint.store.subscribers.get(holder.claims.prj, holder.claims.sub)
    if found is None:
        raise Unauthorized("subscriber_gone")
    return found


async def addresses_of_holder(mint: Mint, holder: Holder) -> Sequence[Address]:
    """A subscriber's own addresses; for a guest, those that its token names."""
    claims = holder.claims
    if claims.kind is Kind.SUBSCRIBER:
        return await mint.store.addresses.of_subscriber(claims.prj, claims.sub)
    return await mint.store.addresses.these(claims.prj, claims.addr or ())


def visible_to(who: Caller | Holder) -> AddressFilter:
    """The addresses that somebody may see: all of the project, or those that the token names."""
    if isinstance(who, Caller) or who.claims.addr is None:
        return AddressFilter()
    return AddressFilter(only=frozenset(who.claims.addr))
