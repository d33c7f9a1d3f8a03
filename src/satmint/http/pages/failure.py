"""The page of an error response that a browser shows: what happened, and where to go.

It shows nothing of the requested URL, which can contain a token; only the path of the operation,
with its placeholders.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from satmint.http.call import NO_STORE, Response
from satmint.http.explanation import Explanation
from satmint.http.explanations import EXPLANATIONS
from satmint.http.openapi_groups import group_name
from satmint.http.operations import Operation
from satmint.http.pages.rendering import html_response, render
from satmint.http.routing import Resource, Router
from satmint.http.statuses import code_of
from satmint.model.refusals import Code

_RETRY_AFTER: Final = b"retry-after"
_JSON_HEADERS: Final = frozenset({b"content-type", b"cache-control"})
_MAX_SHOWN_ERRORS: Final = 10


@dataclass(frozen=True, slots=True)
class PageLink:
    """A page of this server."""

    path: str
    name: str
    description: str


_LINKS: Final = (
    PageLink("/", "Start page", "What this server is, and its URL."),
    PageLink("/console", "Console", "Sessions, subscribers, keys and events."),
    PageLink("/try", "Try it live", "Follow the lifecycle of a token in this browser."),
    PageLink("/docs/", "Documentation", "Guides, operation and security, with search."),
    PageLink("/reference", "Reference", "All operations, to search and to try."),
    PageLink("/errors", "Errors", "The meaning and remedy of each error code."),
    PageLink("/openapi.json", "OpenAPI", "The API description for generators and tests."),
    PageLink("/metrics", "Metrics", "For Prometheus, in its text format."),
)
_DEMO_ONLY: Final = frozenset({"/try"})


def page_links(router: Router, *, has_demo: bool) -> tuple[PageLink, ...]:
    """Return the pages that a listener serves.

    Args:
        router: The listener's operations.
        has_demo: Whether the server is a development server.
    """
    return tuple(
        link
        for link in _LINKS
        if router.operation("GET", link.path) is not None
        and (has_demo or link.path not in _DEMO_ONLY)
    )


@dataclass(frozen=True, slots=True)
class Detail:
    """An error in the request."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RequestedOperation:
    """An operation of the requested path."""

    id: str
    method: str
    path: str
    """With placeholders in braces."""
    group: str
    """The path segment of its group's page in the reference; empty: it has none."""


@dataclass(frozen=True, slots=True)
class FailurePage:
    """An error response as a page."""

    template: ClassVar[str] = "failure.html"

    status: int
    code: str
    explanation: Explanation
    request_id: str
    retry_after: str = ""
    """Seconds; empty: the response does not say."""
    details: tuple[Detail, ...] = ()
    operations: tuple[RequestedOperation, ...] = ()
    """The operations of the path, if it has any."""
    links: tuple[PageLink, ...] = ()

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        text = "<script>alert(1)</script>"
        links = tuple(link for link in _LINKS if link.path != "/console")
        addresses = RequestedOperation(
            "list-addresses", "GET", "/api/fabric/addresses", "addresses"
        )
        hostile = Explanation(title=text, meaning=f"`{text}`", when=(text,), remedy=(text,))
        simple = {
            f"{code} alone": cls(status, code, EXPLANATIONS[code], "0a1b2c3d4e5f-1")
            for code, status in ((Code.NOT_FOUND, 404), (Code.UNAVAILABLE, 503))
        }
        return {
            **simple,
            "with an operation": cls(
                401,
                Code.UNAUTHORIZED,
                EXPLANATIONS[Code.UNAUTHORIZED],
                "0a1b2c3d4e5f-1",
                operations=(addresses,),
                links=links,
            ),
            "hostile": cls(
                422,
                text,
                hostile,
                text,
                text,
                (Detail(text, text),),
                (RequestedOperation(text, text, f"/{text}", text),),
                (PageLink(f"/{text}", text, text),),
            ),
        }


def failure_page(
    response: Response,
    request_id: str,
    links: Sequence[PageLink],
    resource: Resource | None = None,
) -> Response:
    """Return an error response with a page instead of its JSON body.

    Args:
        response: The response with JSON.
        request_id: The id of the request.
        links: The pages of this listener.
        resource: The operations of the requested path, if there are any.
    """
    headers = dict(response.headers)
    body = json.loads(response.body)
    details = tuple(
        Detail(entry["code"], entry["message"])
        for entry in body.get("errors", ())[:_MAX_SHOWN_ERRORS]
    )
    code = Code(details[0].code) if details else code_of(response.status)
    page = FailurePage(
        response.status,
        code.value,
        EXPLANATIONS[code],
        request_id,
        headers.get(_RETRY_AFTER, b"").decode(),
        details,
        () if resource is None else tuple(_requested(resource.operations.values())),
        tuple(links),
    )
    shown = html_response(response.status, render(page))
    kept = [pair for pair in response.headers if pair[0] not in _JSON_HEADERS]
    # No cache may keep it: a program that asks for the same URL gets JSON.
    return Response(shown.status, shown.body, (*shown.headers, NO_STORE, *kept))


def _requested(operations: Iterable[Operation]) -> Iterator[RequestedOperation]:
    """Return the documented operations, each once; HEAD is the same operation as GET."""
    for operation in {one.id: one for one in operations if one.documented}.values():
        yield RequestedOperation(
            operation.id, operation.method, operation.path, group_name(operation.tag)
        )
