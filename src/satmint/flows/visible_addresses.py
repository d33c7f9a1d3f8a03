"""The subscriber and the addresses that a caller may see."""

from collections.abc import Sequence

from satmint.flows.callers import ApiTokenCaller, SubscriberCaller
from satmint.model.claims import Kind
from satmint.model.listing import AddressFilter
from satmint.model.records import Address, Subscriber
from satmint.model.refusals import Unauthorized
from satmint.store.contract import Store


async def subscriber_of_caller(store: Store, caller: SubscriberCaller) -> Subscriber:
    """The subscriber of an authenticated SAT.

    Raises:
        Unauthorized: the subscriber was deleted after the authentication.
    """
    found = await store.subscribers.get(caller.claims.prj, caller.claims.sub)
    if found is None:
        raise Unauthorized("subscriber_deleted")
    return found


async def addresses_of_caller(store: Store, caller: SubscriberCaller) -> Sequence[Address]:
    """A permanent subscriber's own addresses; otherwise, the addresses that the SAT names."""
    claims = caller.claims
    if claims.kind is Kind.SUBSCRIBER:
        return await store.addresses.of_subscriber(claims.prj, claims.sub)
    return caller.addresses or ()


def visible_to(caller: ApiTokenCaller | SubscriberCaller) -> AddressFilter:
    """The addresses that a caller may see: all of the project, or those that the SAT names."""
    if isinstance(caller, ApiTokenCaller) or caller.claims.addr is None:
        return AddressFilter()
    return AddressFilter(only=frozenset(caller.claims.addr))
