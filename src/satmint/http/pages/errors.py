"""The error pages: a list of all codes, and a page for each. Error responses link to them."""

import json
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar, Final, Self

from satmint.http.call import Response
from satmint.http.explanation import Explanation
from satmint.http.explanations import EXPLANATIONS
from satmint.http.operations import Authentication
from satmint.http.statuses import STATUS, plain_error, refusal_response
from satmint.model.refusals import Code, RateLimited, StoreUnavailable, Unprocessable

_EXAMPLE_WAIT: Final = 12

_SAMPLE_URL: Final = "https://sat.example.com"


@dataclass(frozen=True, slots=True)
class ErrorSummary:
    """A code in the list of codes."""

    code: str
    title: str
    meaning: str


@dataclass(frozen=True, slots=True)
class StatusGroup:
    """The codes with the same HTTP status."""

    status: int
    summaries: tuple[ErrorSummary, ...]


@dataclass(frozen=True, slots=True)
class ErrorsPage:
    """The page that lists all codes, by status."""

    template: ClassVar[str] = "errors.html"

    groups: tuple[StatusGroup, ...]

    @classmethod
    def of_all(cls) -> Self:
        """Return the page with all codes."""
        summaries = [(STATUS[code], _error_summary(code)) for code in Code]
        summaries.sort(key=lambda pair: pair[0])
        return cls(
            tuple(
                StatusGroup(status, tuple(summary for _, summary in group))
                for status, group in groupby(summaries, key=lambda pair: pair[0])
            )
        )

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        hostile = ErrorSummary("<script>", "<script>alert(1)</script>", "`<script>`")
        return {
            "all": cls.of_all(),
            "empty": cls(()),
            "hostile": cls((StatusGroup(422, (hostile,)),)),
        }


@dataclass(frozen=True, slots=True)
class OperationLink:
    """An operation that can respond with the code."""

    id: str
    group: str
    """The name of its group in paths."""
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """The page of one code."""

    template: ClassVar[str] = "error.html"

    code: str
    status: int
    explanation: Explanation
    example: str
    """An example response, with headers and body."""
    operations: tuple[OperationLink, ...]

    @classmethod
    def of(cls, code: Code, public_url: str, operations: tuple[OperationLink, ...]) -> Self:
        """Return the page of a code.

        Args:
            code: The code.
            public_url: The server's base URL, without a trailing slash.
            operations: The operations that can respond with the code.
        """
        example = http_text(example_answer(code, f"{public_url}/errors"))
        return cls(code.value, STATUS[code], EXPLANATIONS[code], example, operations)

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        refresh = OperationLink(
            "refresh-subscriber-token", "tokens", "POST", "/api/fabric/subscribers/tokens/refresh"
        )
        hostile = Explanation(
            title="<script>alert(1)</script>",
            meaning="`<script>alert(2)</script>`",
            when=("<script>alert(3)</script>",),
            remedy=("<script>alert(4)</script>",),
        )
        link = OperationLink("<script>", "<script>", "<script>", "/<script>alert(5)</script>")
        return {
            **{code.value: cls.of(code, _SAMPLE_URL, ()) for code in Code},
            "in use": cls.of(Code.TOKEN_EXPIRED, _SAMPLE_URL, (refresh,)),
            "hostile": cls("<script>", 422, hostile, "<script>alert(6)</script>", (link,)),
        }


@dataclass(frozen=True, slots=True)
class NoSuchErrorPage:
    """The page of a code that does not exist."""

    template: ClassVar[str] = "no_such_error.html"

    code: str

    @classmethod
    def samples(cls) -> dict[str, Self]:
        """See `Page.samples`."""
        return {
            "mistyped": cls("token_expried"),
            "empty": cls(""),
            "hostile": cls("<script>alert(1)</script>"),
        }


def example_answer(code: Code, errors_url: str) -> Response:
    """Return an example response with `code`, created by the same functions as real ones."""
    field_error = EXPLANATIONS[code].field_error
    if field_error is not None:
        return refusal_response(Unprocessable(field_error), errors_url)
    match code:
        case Code.RATE_LIMIT_EXCEEDED:
            return refusal_response(RateLimited(_EXAMPLE_WAIT), errors_url)
        case Code.UNAVAILABLE:
            return refusal_response(StoreUnavailable(), errors_url)
        case Code.UNAUTHORIZED:
            return plain_error(code, ((b"www-authenticate", Authentication.API_TOKEN.challenge),))
        case Code.METHOD_NOT_ALLOWED:
            return plain_error(code, ((b"allow", b"OPTIONS, POST"),))
        case _:
            return plain_error(code)


def http_text(response: Response) -> str:
    """Return a response with a JSON body as text: headers, an empty line, the indented body."""
    headers = [f"{name.decode()}: {value.decode()}" for name, value in response.headers]
    body = json.dumps(json.loads(response.body), indent=2, ensure_ascii=False)
    return "\n".join((*headers, "", body))


def _error_summary(code: Code) -> ErrorSummary:
    explanation = EXPLANATIONS[code]
    return ErrorSummary(code.value, explanation.title, explanation.meaning)
