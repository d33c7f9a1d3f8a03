"""The reference of the control endpoint: a page, and the document that it is made from.

Apart from the API's own description, which is the same here as in production.
"""

import json
from collections.abc import Sequence
from typing import Final

from satmint.http.messages import JSON_TYPE, Call, Response
from satmint.http.openapi import document
from satmint.http.operations import Admits, Desk, Handler, Operation
from satmint.http.pages.reference import ReferencePage
from satmint.http.pages.rendering import html_response, render

PAGE: Final = "/reference/dev"
DOCUMENT: Final = "/reference/dev.json"
TAG: Final = "Development"


def description_of(controls: Sequence[Operation], public_url: str) -> tuple[Operation, ...]:
    """The operations that show what `controls` are."""
    described = document(controls, public_url)
    openapi = Response(200, json.dumps(described, separators=(",", ":")).encode(), (JSON_TYPE,))
    page = html_response(200, render(ReferencePage.of(described, "the control endpoint", DOCUMENT)))

    async def show_openapi(_desk: Desk, _call: Call) -> Response:
        return openapi

    async def show_page(_desk: Desk, _call: Call) -> Response:
        return page

    return (
        _page("dev-openapi", DOCUMENT, "The control endpoint, OpenAPI 3.1", show_openapi),
        _page("dev-reference-page", PAGE, "The control endpoint", show_page),
    )


def _page(operation_id: str, path: str, summary: str, handler: Handler) -> Operation:
    return Operation(
        id=operation_id,
        method="GET",
        path=path,
        tag=TAG,
        summary=summary,
        admits=Admits.ANYONE,
        handler=handler,
        documented=False,
    )
