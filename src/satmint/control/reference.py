"""The reference of the control endpoint: a page, and the OpenAPI document that it is made from.

It is separate from the API's own OpenAPI document, which is the same as in production.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Final

from satmint.http.call import JSON_TYPE, Call, Response
from satmint.http.openapi import document
from satmint.http.operations import Authentication, Handler, HandlerContext, Operation
from satmint.http.pages.reference import ReferencePage
from satmint.http.pages.rendering import html_response, render

PAGE: Final = "/reference/dev"
DOCUMENT: Final = "/reference/dev.json"
TAG: Final = "Development"


def description_operations(controls: Sequence[Operation], public_url: str) -> tuple[Operation, ...]:
    """Return the operations that serve the reference of `controls`."""

    @cache
    def openapi() -> Response:
        described = document(controls, public_url)
        return Response(200, json.dumps(described, separators=(",", ":")).encode(), (JSON_TYPE,))

    @cache
    def page() -> Response:
        described = document(controls, public_url)
        shown = ReferencePage.of(described, "the control endpoint", DOCUMENT)
        return html_response(200, render(shown))

    async def show_openapi(_context: HandlerContext, _call: Call) -> Response:
        return openapi()

    async def show_page(_context: HandlerContext, _call: Call) -> Response:
        return page()

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
