"""The OpenAPI document as a page for people: formatted, and collapsed into its parts."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

_SPLIT: Final = frozenset({"paths", "components"})
"""The members whose own members are parts."""


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """A part of the document that can be opened."""

    pointer: str
    """Its JSON Pointer (RFC 6901), which is also its anchor: `/components/schemas/Health`."""
    title: str
    method: str = ""
    """Empty: it is not an operation."""
    text: str = ""
    """Indented JSON; empty: it has parts."""
    parts: tuple["DocumentPart", ...] = ()


@dataclass(frozen=True, slots=True)
class OpenApiPage:
    """The page of an OpenAPI document."""

    template: ClassVar[str] = "openapi.html"

    server: str
    path: str
    """The path of the document."""
    kilobytes: int
    """The size of the document as JSON, in units of 1000 bytes."""
    parts: tuple[DocumentPart, ...]

    @classmethod
    def of(cls, content: bytes, path: str) -> Self:
        """Return the page of a document.

        Args:
            content: The document, as JSON.
            path: The path of the document.
        """
        document: dict[str, Any] = json.loads(content)
        server = document["servers"][0]["url"]
        return cls(server, path, round(len(content) / 1000), tuple(_parts(document)))

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        text = "<script>alert(1)</script>"
        part = DocumentPart(f"/{text}", text, text, json.dumps({text: f"#/{text}"}, indent=2))
        group = DocumentPart(f"/group/{text}", text, parts=(part,))
        return {
            "empty": cls("https://sat.example.com", "/openapi.json", 0, ()),
            "hostile": cls(text, f"/{text}", 1, (group,)),
        }


def _parts(document: Mapping[str, Any]) -> Iterator[DocumentPart]:
    rest = {name: value for name, value in document.items() if name not in _SPLIT}
    yield DocumentPart("/openapi", "General", text=_indented(rest))
    operations = tuple(_operations(document.get("paths", {})))
    yield DocumentPart("/paths", "paths", parts=operations)
    for kind, members in document.get("components", {}).items():
        pointer = f"/components/{kind}"
        parts = tuple(
            DocumentPart(f"{pointer}/{name}", name, text=_indented(value))
            for name, value in members.items()
        )
        yield DocumentPart(pointer, f"components / {kind}", parts=parts)


def _operations(paths: Mapping[str, Any]) -> Iterator[DocumentPart]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            escaped = path.replace("~", "~0").replace("/", "~1")
            pointer = f"/paths/{escaped}/{method}"
            yield DocumentPart(pointer, path, method.upper(), _indented(operation))


def _indented(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
