"""The operation that serves the OpenAPI document."""

from typing import Final

from satmint.http.call import JSON_TYPE, Call, Response
from satmint.http.operations import Authentication, HandlerContext, Operation


async def _openapi(context: HandlerContext, call: Call) -> Response:  # noqa: ARG001 - every handler's signature
    return Response(200, context.openapi, (JSON_TYPE,))


OPERATIONS: Final = (
    Operation(
        id="openapi",
        method="GET",
        path="/openapi.json",
        tag="Reference",
        summary="Get the OpenAPI 3.1 document",
        authentication=Authentication.PUBLIC,
        handler=_openapi,
    ),
)
