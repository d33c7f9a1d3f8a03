"""The operation that returns the subscriber of a SAT."""

from typing import Final

from satmint.flows.visible_addresses import addresses_of_caller, subscriber_of_caller
from satmint.http.answers import InfoAnswer, show_info
from satmint.http.call import Call
from satmint.http.operations import Authentication, HandlerContext, Operation


async def _info(context: HandlerContext, call: Call) -> InfoAnswer:
    subscriber = await subscriber_of_caller(context.services.store, call.holder)
    addresses = await addresses_of_caller(context.services.store, call.holder)
    return show_info(call.holder, subscriber, addresses)


OPERATIONS: Final = (
    Operation(
        id="get-subscriber-info",
        method="GET",
        path="/api/fabric/subscriber/info",
        tag="Subscriber",
        summary="Get the subscriber of a SAT",
        authentication=Authentication.SUBSCRIBER_TOKEN,
        handler=_info,
        answer=InfoAnswer,
    ),
)
