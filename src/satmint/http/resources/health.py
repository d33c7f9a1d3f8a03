"""Is it alive, is it ready, what has it done."""

from typing import Final

import msgspec

from satmint.flows.oversight import ready
from satmint.http.messages import Call, Response
from satmint.http.operations import Admits, Desk, Operation
from satmint.model.refusals import Code


class Health(msgspec.Struct, frozen=True):
    """How the server is."""

    status: str


async def _livez(desk: Desk, call: Call) -> Health:  # noqa: ARG001 - it lives if it answers
    return Health("ok")


async def _readyz(desk: Desk, call: Call) -> Health:  # noqa: ARG001 - every handler's signature
    await ready(desk.mint)
    return Health("ok")


async def _metrics(desk: Desk, call: Call) -> Response:  # noqa: ARG001 - every handler's signature
    content_type = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
    siblings = desk.siblings
    text = desk.metrics.text() if siblings is None else await siblings.text()
    return Response(200, text, (content_type,))


OPERATIONS: Final = (
    Operation(
        id="livez",
        method="GET",
        path="/livez",
        tag="Health",
        summary="Whether the process answers",
        admits=Admits.ANYONE,
        handler=_livez,
        answer=Health,
    ),
    Operation(
        id="readyz",
        method="GET",
        path="/readyz",
        tag="Health",
        summary="Whether the database answers and its schema is current",
        admits=Admits.ANYONE,
        handler=_readyz,
        answer=Health,
        refusals=frozenset({Code.UNAVAILABLE}),
    ),
    Operation(
        id="metrics",
        method="GET",
        path="/metrics",
        tag="Health",
        summary="Counters in Prometheus' text format",
        admits=Admits.ANYONE,
        handler=_metrics,
        media_type="text/plain",
    ),
)
