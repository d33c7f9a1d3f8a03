"""The OpenAPI document, and the pages of the reference, which are made from it."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from satmint.http.call import JSON_TYPE, Call, Response
from satmint.http.navigation import VARY, is_navigation
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.http.pages.files import file_response, read_folder
from satmint.http.pages.openapi_page import OpenApiPage
from satmint.http.pages.operation_entries import OperationGroup, read_groups
from satmint.http.pages.reference import ReferenceGroupPage, ReferenceIndexPage, TryAccess
from satmint.http.pages.rendering import Page, html_response, render
from satmint.http.resources.pages import is_local_browser, page_operation
from satmint.model.refusals import NotFound

_AS_JSON: Final = b"format=json"
_FILES: Final = read_folder("reference_files")
_MAX_CACHED_SERVERS: Final = 2


async def _openapi(context: HandlerContext, call: Call) -> Response:
    return document_response(context.openapi, "/openapi.json", call)


async def _index(context: HandlerContext, call: Call) -> Response:  # noqa: ARG001 - every handler's signature
    path = None if context.demo is None else context.demo.bad_days
    return _rendered_index(context.openapi, context.public_url, path)


async def _group(context: HandlerContext, call: Call) -> Response:
    name = call.params["group"]
    if name not in _groups(context.openapi):
        raise NotFound("no_such_group")
    return _rendered_group(context.openapi, context.public_url, name, try_access(context, call))


async def _file(context: HandlerContext, call: Call) -> Response:  # noqa: ARG001 - every handler's signature
    name = call.params["file"]
    if name not in _FILES:
        raise NotFound("no_such_file")
    return file_response(name, _FILES[name])


def document_response(content: bytes, path: str, call: Call) -> Response:
    """Return an OpenAPI document: a page if a browser opens its URL, and JSON otherwise.

    Args:
        content: The document, as JSON.
        path: Its path.
        call: The request. `?format=json` asks for JSON in a browser too.
    """
    wants_json = _AS_JSON in call.query_string.split(b"&")
    if not wants_json and is_navigation("GET", call.headers):
        return _rendered_document(content, path)
    return Response(200, content, (JSON_TYPE, VARY))


@lru_cache(maxsize=_MAX_CACHED_SERVERS * 2)
def _rendered_document(content: bytes, path: str) -> Response:
    page = html_response(200, render(OpenApiPage.of(content, path)))
    return Response(page.status, page.body, (*page.headers, VARY))


def try_access(context: HandlerContext, call: Call) -> TryAccess:
    """Return what the caller may see to try operations: the demo credentials, or nothing."""
    demo = context.demo
    if demo is None:
        return TryAccess()
    return TryAccess(demo) if is_local_browser(call) else TryAccess(demo_url=demo.http)


def scripted_response(page: Page, *, secret: bool = False) -> Response:
    """Return a response with a page of the reference, whose scripts call this server."""
    return html_response(200, render(page), secret=secret, has_scripts=True)


@lru_cache(maxsize=_MAX_CACHED_SERVERS)
def _groups(openapi: bytes) -> Mapping[str, OperationGroup]:
    """Return the groups of the reference, by their names in paths."""
    return {group.anchor: group for group in read_groups(json.loads(openapi))}


@lru_cache(maxsize=_MAX_CACHED_SERVERS)
def _rendered_index(openapi: bytes, public_url: str, development_path: str | None) -> Response:
    groups = tuple(_groups(openapi).values())
    return scripted_response(ReferenceIndexPage(public_url, groups, development_path))


@lru_cache(maxsize=_MAX_CACHED_SERVERS * 32)
def _rendered_group(openapi: bytes, public_url: str, name: str, access: TryAccess) -> Response:
    groups = _groups(openapi)
    page = ReferenceGroupPage(public_url, groups[name], tuple(groups.values()), access)
    return scripted_response(page, secret=access.demo is not None)


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
    page_operation("reference-page", "/reference", "API reference", _index),
    page_operation("reference-group-page", "/reference/{group}", "A group of operations", _group),
    page_operation("reference-file", "/reference/files/{file}", "A script of its pages", _file),
)
