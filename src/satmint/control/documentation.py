"""The documentation site on a development server, at `/docs/`: the files of one folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from satmint.http.call import Call, HeaderList, Response
from satmint.http.operations import HandlerContext, Operation
from satmint.http.resources.pages import page_operation
from satmint.model.refusals import NotFound

DOCUMENTATION_PAGE: Final = "/docs/"
"""Path of the site's first page."""

_FIRST: Final = "index.html"
_TEXT: Final = b"text/plain; charset=utf-8"
_TYPES: Final = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
}
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The site's pages have no script and no style of their own, and ask no other host. Its search
reads pages (`connect-src`) to quote them."""
_POLICY_OF_IMAGES: Final = b"default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""An SVG that is opened by itself is a document."""


def documentation_operations(folder: Path) -> tuple[Operation, ...]:
    """Return operations that serve the files below a folder, and nothing else.

    The files are listed now, and a path is looked up in that list: it never becomes a file's name.
    Their contents are read at each request.

    Args:
        folder: The built site.
    """
    files = {
        file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()
    }

    async def first(context: HandlerContext, call: Call) -> Response:  # noqa: ARG001 - a handler
        return _file(files, _FIRST)

    async def lead(context: HandlerContext, call: Call) -> Response:  # noqa: ARG001 - a handler
        return Response(308, b"", ((b"location", DOCUMENTATION_PAGE.encode()),))

    async def file(context: HandlerContext, call: Call) -> Response:  # noqa: ARG001 - a handler
        return _file(files, "/".join(call.params.values()))

    path, nested = DOCUMENTATION_PAGE.rstrip("/"), []
    for depth in range(1, max((name.count("/") for name in files), default=0) + 2):
        path += f"/{{part_{depth}}}"
        nested.append(
            page_operation(f"documentation-file-{depth}", path, "A file of the documentation", file)
        )
    return (
        page_operation("documentation", DOCUMENTATION_PAGE, "The documentation", first),
        page_operation(
            "documentation-link", DOCUMENTATION_PAGE.rstrip("/"), "The documentation", lead
        ),
        *nested,
    )


def _file(files: Mapping[str, Path], name: str) -> Response:
    try:
        content = files[name].read_bytes()
    except (KeyError, OSError) as error:
        raise NotFound("no_such_file") from error
    suffix = Path(name).suffix
    headers: HeaderList = (
        (b"content-type", _TYPES.get(suffix, _TEXT)),
        (b"content-security-policy", _POLICY_OF_IMAGES if suffix == ".svg" else _POLICY),
        # A site that is built again has the same names.
        (b"cache-control", b"no-cache"),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
    )
    return Response(200, content, headers)
