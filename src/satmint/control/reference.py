"""The reference of the control endpoint: a page, and the OpenAPI document that it is made from.

It is separate from the API's own OpenAPI document, which is the same as in production.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Final

from satmint.http.call import Call, Response
from satmint.http.openapi import document
from satmint.http.operations import Authentication, Handler, HandlerContext, Operation
from satmint.http.pages.operation_entries import OperationGroup, read_groups
from satmint.http.pages.reference import ReferenceGroupPage
from satmint.http.resources.reference import document_response, scripted_response, try_access

PAGE: Final = "/reference/dev"
DOCUMENT: Final = "/reference/dev.json"
TAG: Final = "Development"


def description_operations(controls: Sequence[Operation], public_url: str) -> tuple[Operation, ...]:
    """Return the operations that serve the reference of `controls`."""

    @cache
    def openapi() -> bytes:
        described = document(controls, public_url)
        return json.dumps(described, separators=(",", ":")).encode()

    @cache
    def group() -> OperationGroup:
        [found] = read_groups(document(controls, public_url))
        return found

    async def show_openapi(_context: HandlerContext, call: Call) -> Response:
        return document_response(openapi(), DOCUMENT, call)

    async def show_page(context: HandlerContext, call: Call) -> Response:
        page = ReferenceGroupPage(
            public_url,
            group(),
            (group(),),
            try_access(context, call),
            "the control endpoint",
            DOCUMENT,
        )
        return scripted_response(page, secret=page.access.demo is not None)

    return (
        _page(
            "dev-openapi", DOCUMENT, "OpenAPI 3.1 document of the control endpoint", show_openapi
        ),
        _page("dev-reference-page", PAGE, "Reference of the control endpoint", show_page),
    )


def _page(operation_id: str, path: str, summary: str, handler: Handler) -> Operation:
    return Operation(
        id=operation_id,
        method="GET",
        path=path,
        tag=TAG,
        summary=summary,
        authentication=Authentication.PUBLIC,
        handler=handler,
        documented=False,
    )
