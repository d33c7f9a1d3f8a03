"""Who the holder of a SAT is."""

from typing import Final

from satmint.flows.visible import addresses_of_holder, subscriber_of_holder
from satmint.http.answers import InfoAnswer, show_info
from satmint.http.messages import Call
from satmint.http.operations import Admits, Desk, Operation


async def _info(desk: Desk, call: Call) -> InfoAnswer:
    subscriber = await subscriber_of_holder(desk.mint, call.holder)
    addresses = await addresses_of_holder(desk.mint, call.holder)
    return show_info(call.holder, subscriber, addresses)


OPERATIONS: Final = (
    Operation(
        id="get-subscriber-info",
        method="GET",
        path="/api/fabric/subscriber/info",
        tag="Subscriber",
        summary="Who the holder of a SAT is",
        admits=Admits.HOLDER,
        handler=_info,
        answer=InfoAnswer,
    ),
)
