"""What every answer has in common, and what a refusal looks like to the byte."""

import re
from collections.abc import Iterable
from typing import Any, Final

import httpx

from satmint.http.statuses import STATUS
from satmint.model.refusals import Code
from tests.kit.service import BASE_URL

FieldError = tuple[str, str, str | None]
"""Code, message, attribute."""

SENTENCES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Payload Too Large",
    426: "Upgrade Required",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
ALGS: Final = 'algs="RS256 PS256 ES256 EdDSA Ed25519"'
CHALLENGE: Final = re.compile(
    rf'(Basic|Bearer) realm="satmint"(, (Basic realm="satmint"|DPoP {ALGS}))?'
    rf'|DPoP error="(invalid_dpop_proof|use_dpop_nonce)", {ALGS}'
)
MISSING: Final = "Required parameter is missing"
NOT_UNIQUE: Final = "must be unique within the project"
ISO: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
UUID_TEXT: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def missing(name: str) -> FieldError:
    return "missing_required_parameter", MISSING, name


def invalid(message: str, name: str | None) -> FieldError:
    return "invalid_parameter", message, name


def plain(answer: httpx.Response, status: int) -> None:
    """The answer is `{"error": "<sentence>"}` of that status, and nothing else."""
    assert (answer.status_code, answer.json()) == (status, {"error": SENTENCES[status]})
    assert answer.headers["content-type"] == "application/json"
    if status == 401:
        assert CHALLENGE.fullmatch(answer.headers["www-authenticate"])
    else:
        assert "www-authenticate" not in answer.headers


def field_errors(answer: httpx.Response, status: int = 422) -> list[FieldError]:
    """The faults that an answer lists; each has exactly the five members."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"errors"}
    for entry in body["errors"]:
        assert entry.keys() == {"type", "code", "message", "attribute", "url"}
        assert entry["type"] == ("validation_error" if status == 422 else "rate_limit_error")
        assert entry["url"] == f"{BASE_URL}/errors/{entry['code']}"
        assert STATUS[Code(entry["code"])] == status
    return [(entry["code"], entry["message"], entry["attribute"]) for entry in body["errors"]]


def of_the_contract(answer: httpx.Response, statuses: Iterable[int]) -> None:
    """Whatever was asked, this is an answer that the contract knows."""
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.headers["x-request-id"])
    if answer.status_code in (422, 429):
        assert field_errors(answer, answer.status_code)
    elif answer.status_code >= 400:
        plain(answer, answer.status_code)


def members(value: Any) -> list[str]:  # noqa: ANN401 - whatever JSON holds
    """The members of a JSON object, in order."""
    assert isinstance(value, dict), value
    return list(value)
