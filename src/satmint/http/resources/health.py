"""Liveness, readiness, and metrics."""

from typing import Final

import msgspec

from satmint.flows.session_queries import ready
from satmint.http.call import Call, Response
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.model.refusals import Code


class Health(msgspec.Struct, frozen=True):
    """The process is running."""

    status: str


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """The server is ready."""

    status: str
    warnings: tuple[str, ...] = ()
    """Problems that do not make the server unready but need an operator; absent: none."""


async def _livez(context: HandlerContext, call: Call) -> Health:  # noqa: ARG001 - every handler's signature
    return Health("ok")


async def _readyz(context: HandlerContext, call: Call) -> Readiness:  # noqa: ARG001 - every handler's signature
    await ready(context.services.store)
    return Readiness("ok", tuple(context.warnings()))


async def _metrics(context: HandlerContext, call: Call) -> Response:  # noqa: ARG001 - every handler's signature
    content_type = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
    aggregator = context.aggregator
    text = context.metrics.text() if aggregator is None else await aggregator.text()
    return Response(200, text, (content_type,))


OPERATIONS: Final = (
    Operation(
        id="livez",
        method="GET",
        path="/livez",
        tag="Health",
        summary="Liveness: the process responds",
        authentication=Authentication.PUBLIC,
        handler=_livez,
        answer=Health,
    ),
    Operation(
        id="readyz",
        method="GET",
        path="/readyz",
        tag="Health",
        summary="Readiness: database reachable, schema current",
        authentication=Authentication.PUBLIC,
        handler=_readyz,
        answer=Readiness,
        refusals=frozenset({Code.UNAVAILABLE}),
    ),
)

ADMIN_OPERATIONS: Final = (
    Operation(
        id="metrics",
        method="GET",
        path="/metrics",
        tag="Health",
        summary="Metrics in the Prometheus text format",
        authentication=Authentication.PUBLIC,
        handler=_metrics,
        media_type="text/plain",
    ),
)
