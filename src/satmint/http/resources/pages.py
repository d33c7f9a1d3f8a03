"""Operations that serve HTML pages."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from satmint.http.call import Call, Response
from satmint.http.local_addresses import is_this_machine
from satmint.http.operations import Authentication, Handler, HandlerContext, Operation
from satmint.http.pages.errors import ErrorPage, ErrorsPage, NoSuchErrorPage, OperationLink
from satmint.http.pages.operation_entries import read_groups
from satmint.http.pages.rendering import Page, html_response, render
from satmint.http.pages.start import StartPage
from satmint.model.refusals import Code

_MAX_CACHED_SERVERS: Final = 2
_FORWARDED: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host"})
"""Headers of proxies: the browser is somewhere else."""


async def _start(context: HandlerContext, call: Call) -> Response:
    if context.demo is None:
        page = StartPage(context.public_url)
    elif is_local_browser(call):
        page = StartPage(context.public_url, context.services.policy.cluster_host, context.demo)
    else:
        page = StartPage(context.public_url, demo_url=context.demo.http)
    return html_response(200, render(page), secret=page.demo is not None)


async def _errors(context: HandlerContext, call: Call) -> Response:  # noqa: ARG001 - every handler's signature
    return _error_pages(context.openapi, context.public_url)["errors"]


async def _error(context: HandlerContext, call: Call) -> Response:
    code = call.params["code"]
    found = _error_pages(context.openapi, context.public_url).get(f"errors/{code}")
    return found or html_response(404, render(NoSuchErrorPage(code)))


def is_local_browser(call: Call) -> bool:
    """Whether a browser on this machine opened the page itself, not at the request of a site.

    Any web site can make a local browser send requests to this server. Cross-origin requests have
    an `Origin` header. A site that resolves its own name to 127.0.0.1 (DNS rebinding) sends
    same-origin requests without that header, but with its name in `Host`. A tunnel to this machine,
    which may put `localhost` in `Host`, names its visitors in other headers.
    """
    is_forwarded = not _FORWARDED.isdisjoint(call.headers)
    return call.web_origin is None and is_this_machine(call.host) and not is_forwarded


@lru_cache(maxsize=_MAX_CACHED_SERVERS)
def _error_pages(openapi: bytes, public_url: str) -> Mapping[str, Response]:
    """Return the pages of error codes by path; rendered on first use."""
    document: dict[str, Any] = json.loads(openapi)
    links_by_code: dict[str, list[OperationLink]] = {}
    for group in read_groups(document):
        for entry in group.operations:
            link = OperationLink(entry.id, entry.group, entry.method, entry.path)
            for code in entry.codes:
                links_by_code.setdefault(code, []).append(link)
    errors = {
        f"errors/{code}": ErrorPage.of(code, public_url, tuple(links_by_code.get(code, ())))
        for code in Code
    }
    pages: dict[str, Page] = {"errors": ErrorsPage.of_all(), **errors}
    return {path: html_response(200, render(page)) for path, page in pages.items()}


def page_operation(operation_id: str, path: str, summary: str, handler: Handler) -> Operation:
    """Return a public operation that serves a page or a file of a page."""
    return Operation(
        id=operation_id,
        method="GET",
        path=path,
        tag="Pages",
        summary=summary,
        authentication=Authentication.PUBLIC,
        handler=handler,
        media_type="text/html",
        documented=False,
    )


OPERATIONS: Final = (
    page_operation("start-page", "/", "Start page", _start),
    page_operation("errors-page", "/errors", "Error codes", _errors),
    page_operation("error-page", "/errors/{code}", "An error code", _error),
)
