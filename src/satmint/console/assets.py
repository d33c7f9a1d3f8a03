"""Scripts and style sheets, at URLs that contain their digest: they never change at a URL."""

from hashlib import sha256
from pathlib import Path
from typing import Final

from satmint.http.call import Response

_FOLDER: Final = Path(__file__).parent / "assets"
_ROOT: Final = "/console/assets"
_TYPES: Final = {
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
}
_DIGEST_CHARS: Final = 16


def _read() -> tuple[dict[str, str], dict[str, Response]]:
    urls, responses = {}, {}
    for file in sorted(_FOLDER.iterdir()):
        content = file.read_bytes()
        digest = sha256(content).hexdigest()[:_DIGEST_CHARS]
        url = f"{_ROOT}/{digest}/{file.name}"
        urls[file.name] = url
        responses[url] = Response(
            200,
            content,
            (
                (b"content-type", _TYPES[file.suffix]),
                (b"cache-control", b"public, max-age=31536000, immutable"),
            ),
        )
    return urls, responses


_URLS, _RESPONSES = _read()


def asset_url(name: str) -> str:
    """The URL of a file of `assets/`, for templates."""
    return _URLS[name]


def asset(path: str) -> Response | None:
    """The file at a path; None: there is none."""
    return _RESPONSES.get(path)
