"""What the holder of a SAT can see."""

from satmint.flows.callers import Caller, Holder
from satmint.flows.mint import Mint
from satmint.model.claims import Kind
from satmint.model.listing import AddressFilter, Window
from satmint.model.records import Address, Subscriber
from satmint.model.refusals import Unauthorized

_OWN_SHOWN = 100


async def subscriber_of_holder(mint: Mint, holder: Holder) -> Subscriber:
    """The subscriber that a SAT is of.

    Raises:
        Unauthorized: it was deleted a moment ago.
    """
    found = await mint.store.subscribers.get(holder.claims.prj, holder.claims.sub)
    if found is None:
        raise Unauthorized("subscriber_gone")
    return found


async def addresses_of_holder(mint: Mint, holder: Holder) -> list[Address]:
    """A subscriber's own addresses; for a guest, those that its token names."""
    claims = holder.claims
    wanted = (
        AddressFilter(subscriber=claims.sub)
        if claims.kind is Kind.SUBSCRIBER
        else visible_to(holder)
    )
    page = await mint.store.addresses.list(claims.prj, wanted, Window(_OWN_SHOWN))
    return list(page.items)


def visible_to(who: Caller | Holder) -> AddressFilter:
    """The addresses that somebody may see: all of the project, or those that the token names."""
    if isinstance(who, Caller) or who.claims.addr is None:
        return AddressFilter()
    return AddressFilter(only=frozenset(who.claims.addr))
