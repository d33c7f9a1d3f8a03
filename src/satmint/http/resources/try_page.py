"""The page `/try`, which demonstrates the lifecycle of a token; development servers only."""

from typing import Final

from satmint.http.call import Call, Response
from satmint.http.operations import HandlerContext
from satmint.http.pages.files import file_response, read_folder
from satmint.http.pages.rendering import html_response, render
from satmint.http.pages.try_page import TryPage
from satmint.http.resources.pages import is_local_browser, page_operation
from satmint.model.demo import BrowserSdk
from satmint.model.refusals import NotFound

_CONTENT: Final = read_folder("try_files")
_SDK: Final = "sdk.js"


async def _page(context: HandlerContext, call: Call) -> Response:
    demo = context.demo
    if demo is None:
        raise NotFound("no_demo")
    if not is_local_browser(call):
        return html_response(200, render(TryPage(demo.http)))
    page = TryPage(demo.http, demo, demo.browser_sdk, has_sdk=_sdk(demo.browser_sdk) is not None)
    return html_response(200, render(page), secret=True, host=call.host)


async def _file(context: HandlerContext, call: Call) -> Response:
    if context.demo is None:
        raise NotFound("no_demo")
    name = call.params["file"]
    content = _sdk(context.demo.browser_sdk) if name == _SDK else _CONTENT.get(name)
    if content is None:
        raise NotFound("no_such_file")
    return file_response(name, content)


def _sdk(sdk: BrowserSdk | None) -> bytes | None:
    """Return the file of the vendor's SDK; None if it is not configured or does not exist."""
    try:
        return None if sdk is None else sdk.file.read_bytes()
    except OSError:
        return None


OPERATIONS: Final = (
    page_operation("try-page", "/try", "The lifecycle of a token", _page),
    page_operation("try-file", "/try/{file}", "A script or style sheet of that page", _file),
)
