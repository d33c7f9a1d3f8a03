"""The error pages: a list of all codes, and a page for each. Answers to refusals point there."""

import json
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar, Final, Self

from satmint.http.explanations import EXPLANATIONS, Explanation
from satmint.http.messages import Response
from satmint.http.operations import Admits
from satmint.http.statuses import STATUS, plain_error, refusal_response
from satmint.model.refusals import Code, RateLimited, StoreUnavailable, Unprocessable

_EXAMPLE_WAIT: Final = 12

_SAMPLE_URL: Final = "https://sat.example.com"


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """A code in the list."""

    code: str
    title: str
    meaning: str


@dataclass(frozen=True, slots=True)
class StatusGroup:
    """The codes that come with one HTTP status."""

    status: int
    lines: tuple[ErrorLine, ...]


@dataclass(frozen=True, slots=True)
class ErrorsPage:
    """Every code there is, by status."""

    template: ClassVar[str] = "errors.html"

    groups: tuple[StatusGroup, ...]

    @classmethod
    def of_all(cls) -> Self:
        """The page as it is."""
        lines = [(STATUS[code], _line(code)) for code in Code]
        lines.sort(key=lambda line: line[0])
        return cls(
            tuple(
                StatusGroup(status, tuple(line for _, line in group))
                for status, group in groupby(lines, key=lambda line: line[0])
            )
        )

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        hostile = ErrorLine("<script>", "<script>alert(1)</script>", "`<script>`")
        return {
            "all": cls.of_all(),
            "empty": cls(()),
            "hostile": cls((StatusGroup(422, (hostile,)),)),
        }


@dataclass(frozen=True, slots=True)
class OperationLink:
    """An operation that answers with the code."""

    id: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """One code."""

    template: ClassVar[str] = "error.html"

    code: str
    status: int
    explanation: Explanation
    example: str
    """An answer with it, head and body."""
    operations: tuple[OperationLink, ...]

    @classmethod
    def of(cls, code: Code, public_url: str, operations: tuple[OperationLink, ...]) -> Self:
        """The page of a code.

        Args:
            code: Which.
            public_url: Where the server is reached; no slash at the end.
            operations: Those that answer with it.
        """
        example = http_text(example_answer(code, f"{public_url}/errors"))
        return cls(code.value, STATUS[code], EXPLANATIONS[code], example, operations)

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        refresh = OperationLink(
            "refresh-subscriber-token", "POST", "/api/fabric/subscribers/tokens/refresh"
        )
        hostile = Explanation(
            title="<script>alert(1)</script>",
            meaning="`<script>alert(2)</script>`",
            when=("<script>alert(3)</script>",),
            remedy=("<script>alert(4)</script>",),
        )
        link = OperationLink("<script>", "<script>", "/<script>alert(5)</script>")
        return {
            **{code.value: cls.of(code, _SAMPLE_URL, ()) for code in Code},
            "in use": cls.of(Code.TOKEN_EXPIRED, _SAMPLE_URL, (refresh,)),
            "hostile": cls("<script>", 422, hostile, "<script>alert(6)</script>", (link,)),
        }


@dataclass(frozen=True, slots=True)
class NoSuchErrorPage:
    """What stands under a code that does not exist."""

    template: ClassVar[str] = "no_such_error.html"

    asked: str

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        return {
            "mistyped": cls("token_expried"),
            "empty": cls(""),
            "hostile": cls("<script>alert(1)</script>"),
        }


def example_answer(code: Code, errors_url: str) -> Response:
    """An answer with `code`, made by what makes the real ones."""
    fault = EXPLANATIONS[code].fault
    if fault is not None:
        return refusal_response(Unprocessable(fault), errors_url)
    match code:
        case Code.RATE_LIMIT_EXCEEDED:
            return refusal_response(RateLimited(_EXAMPLE_WAIT), errors_url)
        case Code.UNAVAILABLE:
            return refusal_response(StoreUnavailable(), errors_url)
        case Code.UNAUTHORIZED:
            return plain_error(code, ((b"www-authenticate", Admits.BACKEND.challenge),))
        case Code.METHOD_NOT_ALLOWED:
            return plain_error(code, ((b"allow", b"OPTIONS, POST"),))
        case _:
            return plain_error(code)


def http_text(response: Response) -> str:
    """An answer with a JSON body as people read it: headers, an empty line, the body indented."""
    headers = [f"{name.decode()}: {value.decode()}" for name, value in response.headers]
    body = json.dumps(json.loads(response.body), indent=2, ensure_ascii=False)
    return "\n".join((*headers, "", body))


def _line(code: Code) -> ErrorLine:
    explanation = EXPLANATIONS[code]
    return ErrorLine(code.value, explanation.title, explanation.meaning)
