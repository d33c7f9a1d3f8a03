"""Scripts and style sheets of pages, from folders of this package."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from satmint.http.call import HeaderList, Response

_SCRIPT: Final = b"text/javascript; charset=utf-8"
_TYPES: Final = {".js": _SCRIPT, ".css": b"text/css; charset=utf-8"}


def read_folder(name: str) -> Mapping[str, bytes]:
    """Return the contents of the files in a folder next to this module, by file name."""
    folder = Path(__file__).parent / name
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def file_response(name: str, content: bytes) -> Response:
    """Return a response with a file that only pages of this origin can load.

    Args:
        name: The name of the file, which ends in `.js` or `.css`.
        content: Its content.
    """
    headers: HeaderList = (
        (b"content-type", _TYPES[Path(name).suffix]),
        (b"cache-control", b"no-cache"),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"same-origin"),
    )
    return Response(200, content, headers)
