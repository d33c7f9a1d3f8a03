"""The pages of the reference, rendered only from the OpenAPI document: an index, and its groups."""

from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

from satmint.http.examples import EXAMPLE_ADDRESS
from satmint.http.explanations import EXPLANATIONS
from satmint.http.pages.operation_entries import (
    Answer,
    Credentials,
    OperationEntry,
    OperationGroup,
    ParameterInput,
    RefusalGroup,
)
from satmint.http.pages.schema_text import Member
from satmint.http.pages.start import StartPage
from satmint.model.demo import Demo

_SAMPLE_URL: Final = "https://sat.example.com"
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class CodeSummary:
    """An error code, for the search."""

    code: str
    meaning: str


@dataclass(frozen=True, slots=True)
class ReferenceIndexPage:
    """The page that lists all operations, with a search. Its scripts are in `reference_files`."""

    template: ClassVar[str] = "reference.html"

    server: str
    groups: tuple[OperationGroup, ...]
    development_path: str | None = None
    """The path of the reference of a development server's control endpoint."""
    codes: tuple[CodeSummary, ...] = tuple(
        CodeSummary(code.value, explanation.meaning) for code, explanation in EXPLANATIONS.items()
    )
    document_path: str = "/openapi.json"

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        text = "<script>alert(1)</script>"
        return {
            "empty": cls(_SAMPLE_URL, ()),
            "hostile": cls(
                text, (_hostile_group(text),), f"/{text}", (CodeSummary(text, text),), f"/{text}"
            ),
        }


@dataclass(frozen=True, slots=True)
class TryAccess:
    """What a reader needs to try operations, and is shown only where that is safe."""

    demo: Demo | None = field(default=None, repr=False)
    """The demo credentials; None: the reader enters credentials."""
    demo_url: str | None = None
    """The URL that fills in the demo credentials, if this request must not see them."""
    example_address: str = EXAMPLE_ADDRESS
    """The address in examples, in place of which a development server has a real one."""


@dataclass(frozen=True, slots=True)
class ReferenceGroupPage:
    """The page of one group of operations. Its scripts are in `reference_files`."""

    template: ClassVar[str] = "reference_group.html"

    server: str
    group: OperationGroup
    groups: tuple[OperationGroup, ...]
    """All groups of the reference, in order."""
    access: TryAccess = TryAccess()
    subject: str = "this server"
    document_path: str = "/openapi.json"

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        text = "<script>alert(1)</script>"
        hostile = _hostile_group(text)
        empty = OperationGroup("Empty", "empty", "No operations.", ())
        starts = StartPage.samples()
        return {
            "empty": cls(_SAMPLE_URL, empty, (empty,)),
            "development": cls(_SAMPLE_URL, empty, (empty,), TryAccess(starts["development"].demo)),
            "requested from another machine": cls(
                _SAMPLE_URL, empty, (empty,), TryAccess(demo_url="http://127.0.0.1:8080")
            ),
            "hostile": cls(
                text,
                hostile,
                (hostile,),
                TryAccess(starts["hostile"].demo, "javascript:alert(2)", text),
                text,
                f"/{text}",
            ),
        }


def _hostile_group(text: str) -> OperationGroup:
    """Return a group in which every text is `text`, for samples."""
    member = Member(text, text, required=True, rules=(text,), description=text)
    entry = OperationEntry(
        id="sample",
        group="chapter",
        method="DELETE",
        path=f"/{text}",
        summary=text,
        description=f"`{text}`",
        credentials=(Credentials("Basic", (text,)),),
        parameters=(member,),
        body=(member,),
        answer=Answer(200, text, _JSON, text, (member,), secret=True),
        refusals=(RefusalGroup(422, (text,)),),
        curl=text,
        inputs=(
            ParameterInput(text, text, text, required=True),
            ParameterInput(text, "query", text, required=False, choices=(text,)),
        ),
        body_example=text,
    )
    return OperationGroup(text, "chapter", text, (entry,))
