"""`/try`: the page on which one watches the life of a token. On a development server alone."""

from pathlib import Path
from typing import Final

from satmint.http.messages import Call, HeaderList, Response
from satmint.http.operations import Desk
from satmint.http.pages.rendering import html_response, render
from satmint.http.pages.try_page import TryPage
from satmint.http.resources.pages import is_from_here, page_operation
from satmint.model.demo import BrowserSdk
from satmint.model.refusals import NotFound

_FILES: Final = Path(__file__).parents[1] / "pages" / "try_files"
_SCRIPT: Final = b"text/javascript; charset=utf-8"
_TYPES: Final = {".js": _SCRIPT, ".css": b"text/css; charset=utf-8"}
_CONTENT: Final = {file.name: file.read_bytes() for file in sorted(_FILES.iterdir())}
_SDK: Final = "sdk.js"


async def _page(desk: Desk, call: Call) -> Response:
    demo = desk.demo
    if demo is None:
        raise NotFound("no_demo")
    if not is_from_here(call):
        return html_response(200, render(TryPage(demo.http)))
    page = TryPage(demo.http, demo, demo.browser_sdk, has_sdk=_sdk(demo.browser_sdk) is not None)
    return html_response(200, render(page), secret=True, host=call.host)


async def _file(desk: Desk, call: Call) -> Response:
    if desk.demo is None:
        raise NotFound("no_demo")
    name = call.params["file"]
    content = _sdk(desk.demo.browser_sdk) if name == _SDK else _CONTENT.get(name)
    if content is None:
        raise NotFound("no_such_file")
    return Response(200, content, _headers(_TYPES[Path(name).suffix]))


def _sdk(sdk: BrowserSdk | None) -> bytes | None:
    """The vendor's SDK; None where it is not, or not yet."""
    try:
        return None if sdk is None else sdk.file.read_bytes()
    except OSError:
        return None


def _headers(content_type: bytes) -> HeaderList:
    return (
        (b"content-type", content_type),
        (b"cache-control", b"no-cache"),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"same-origin"),
    )


OPERATIONS: Final = (
    page_operation("try-page", "/try", "Watch the life of a token", _page),
    page_operation("try-file", "/try/{file}", "What that page is made of", _file),
)
