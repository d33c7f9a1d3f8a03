"""The HTML pages, for people who look at this server with a browser."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from satmint.http.here import is_this_machine
from satmint.http.messages import Call, Response
from satmint.http.operations import Admits, Desk, Handler, Operation
from satmint.http.pages.errors import ErrorPage, ErrorsPage, NoSuchErrorPage, OperationLink
from satmint.http.pages.reference import ReferencePage
from satmint.http.pages.rendering import Page, html_response, render
from satmint.http.pages.start import StartPage
from satmint.model.refusals import Code

_SERVERS_REMEMBERED: Final = 2


async def _start(desk: Desk, call: Call) -> Response:
    if desk.demo is None:
        page = StartPage(desk.public_url)
    elif is_from_here(call):
        page = StartPage(desk.public_url, desk.mint.policy.cluster_host, desk.demo)
    else:
        page = StartPage(desk.public_url, demo_at=desk.demo.http)
    return html_response(200, render(page), secret=page.demo is not None)


async def _reference(desk: Desk, call: Call) -> Response:  # noqa: ARG001 - every handler's signature
    return _library(desk.openapi, desk.public_url)["reference"]


async def _errors(desk: Desk, call: Call) -> Response:  # noqa: ARG001 - every handler's signature
    return _library(desk.openapi, desk.public_url)["errors"]


async def _error(desk: Desk, call: Call) -> Response:
    asked = call.params["code"]
    found = _library(desk.openapi, desk.public_url).get(f"errors/{asked}")
    return found or html_response(404, render(NoSuchErrorPage(asked)))


def is_from_here(call: Call) -> bool:
    """Whether it is this machine's own browser, because somebody opened the page.

    Any web site can make that browser ask this server. A site that does so across origins says so
    in `Origin`. One that has its own name resolve to 127.0.0.1 (DNS rebinding) is of the same
    origin and says nothing there, but its name is in `Host`.
    """
    return call.web_origin is None and is_this_machine(call.host)


@lru_cache(maxsize=_SERVERS_REMEMBERED)
def _library(openapi: bytes, public_url: str) -> Mapping[str, Response]:
    """The pages that are the same for everybody, by path, rendered when the first is asked for."""
    document: dict[str, Any] = json.loads(openapi)
    reference = ReferencePage.of(document)
    answering: dict[str, list[OperationLink]] = {}
    for chapter in reference.chapters:
        for entry in chapter.operations:
            link = OperationLink(entry.id, entry.method, entry.path)
            for code in (code for refused in entry.refused for code in refused.codes):
                answering.setdefault(code, []).append(link)
    errors = {
        f"errors/{code}": ErrorPage.of(code, public_url, tuple(answering.get(code, ())))
        for code in Code
    }
    pages: dict[str, Page] = {"reference": reference, "errors": ErrorsPage.of_all(), **errors}
    return {path: html_response(200, render(page)) for path, page in pages.items()}


def page_operation(operation_id: str, path: str, summary: str, handler: Handler) -> Operation:
    """An operation that shows a page, or a part of one, to anybody."""
    return Operation(
        id=operation_id,
        method="GET",
        path=path,
        tag="Pages",
        summary=summary,
        admits=Admits.ANYONE,
        handler=handler,
        media_type="text/html",
        documented=False,
    )


OPERATIONS: Final = (
    page_operation("start-page", "/", "What this is, and where to go on", _start),
    page_operation("reference-page", "/reference", "The reference of the API", _reference),
    page_operation("errors-page", "/errors", "Every error code", _errors),
    page_operation("error-page", "/errors/{code}", "One error code", _error),
)
