"""The API's own description."""

from typing import Final

from satmint.http.messages import JSON_TYPE, Call, Response
from satmint.http.operations import Admits, Desk, Operation


async def _openapi(desk: Desk, call: Call) -> Response:  # noqa: ARG001 - every handler's signature
    return Response(200, desk.openapi, (JSON_TYPE,))


OPERATIONS: Final = (
    Operation(
        id="openapi",
        method="GET",
        path="/openapi.json",
        tag="Reference",
        summary="This description, OpenAPI 3.1",
        admits=Admits.ANYONE,
        handler=_openapi,
    ),
)
