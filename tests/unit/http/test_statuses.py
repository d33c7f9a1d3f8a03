"""Refusals as responses: their status, their body and the headers that say what to do."""

import json

import pytest

from satmint.http.call import Response
from satmint.http.statuses import STATUS, code_of, plain_error, refusal_response
from satmint.model.refusals import (
    Code,
    FieldError,
    Forbidden,
    NotFound,
    NotReady,
    RateLimited,
    Refusal,
    StoreUnavailable,
    Unauthorized,
    Unprocessable,
    Unproven,
)

URL = "https://mint.test/errors"
JSON = (b"content-type", b"application/json")
ALGS = b'algs="RS256 PS256 ES256 EdDSA Ed25519"'


def body_of(response: Response) -> object:
    return json.loads(response.body)


@pytest.mark.parametrize(
    ("refusal", "status", "text", "headers"),
    [
        (Unauthorized("a_cause"), 401, "Unauthorized", ()),
        (Forbidden("a_cause"), 403, "Forbidden", ()),
        (NotFound("a_cause"), 404, "Not Found", ()),
        (
            StoreUnavailable("a_cause"),
            503,
            "Service Unavailable",
            ((b"retry-after", b"1"),),
        ),
        (
            NotReady("sqlite_full"),
            503,
            "Service Unavailable",
            ((b"retry-after", b"1"), (b"x-satmint-cause", b"sqlite_full")),
        ),
        (
            Unproven("proof_missing"),
            401,
            "Unauthorized",
            (
                (b"www-authenticate", b'DPoP error="invalid_dpop_proof", ' + ALGS),
                (b"x-satmint-cause", b"proof_missing"),
            ),
        ),
        (
            Unproven("proof_time", skew=-70),
            401,
            "Unauthorized",
            (
                (b"www-authenticate", b'DPoP error="invalid_dpop_proof", ' + ALGS),
                (b"x-satmint-cause", b"proof_time; skew=-70"),
            ),
        ),
        (
            Unproven("proof_nonce", nonce="a-nonce", error="use_dpop_nonce"),
            401,
            "Unauthorized",
            (
                (b"www-authenticate", b'DPoP error="use_dpop_nonce", ' + ALGS),
                (b"x-satmint-cause", b"proof_nonce"),
                (b"dpop-nonce", b"a-nonce"),
            ),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Refusal) else "",
)
def test_refusal_without_a_list_of_errors_is_one_sentence(
    refusal: Refusal, status: int, text: str, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    response = refusal_response(refusal, URL)
    assert (response.status, body_of(response)) == (status, {"error": text})
    assert tuple(response.headers) == (JSON, *headers)


def test_invalid_request_lists_every_error() -> None:
    refusal = Unprocessable(
        FieldError(Code.NOT_A_STRING, "Name must be a string", "name"),
        FieldError(Code.MISSING_REQUIRED_PARAMETER, "Required parameter is missing"),
    )
    response = refusal_response(refusal, URL)
    assert (response.status, tuple(response.headers)) == (422, (JSON,))
    assert body_of(response) == {
        "errors": [
            {
                "type": "validation_error",
                "code": "not_a_string",
                "message": "Name must be a string",
                "attribute": "name",
                "url": f"{URL}/not_a_string",
            },
            {
                "type": "validation_error",
                "code": "missing_required_parameter",
                "message": "Required parameter is missing",
                "attribute": None,
                "url": f"{URL}/missing_required_parameter",
            },
        ]
    }


def test_exceeded_limit_says_when_to_try_again() -> None:
    response = refusal_response(RateLimited(7, "calls"), URL)
    assert (response.status, tuple(response.headers)) == (429, (JSON, (b"retry-after", b"7")))
    assert body_of(response) == {
        "errors": [
            {
                "type": "rate_limit_error",
                "code": "rate_limit_exceeded",
                "message": "Too many requests: try again later",
                "attribute": None,
                "url": f"{URL}/rate_limit_exceeded",
            }
        ]
    }


def test_code_of_a_plain_error_is_found_by_its_status() -> None:
    plain = [code for code in Code if STATUS[code] not in (422, 429)]
    assert {code: code_of(plain_error(code).status) for code in plain} == dict(
        zip(plain, plain, strict=True)
    )
    with pytest.raises(KeyError):
        code_of(422)


def test_plain_error_has_the_headers_that_are_given() -> None:
    response = plain_error(Code.METHOD_NOT_ALLOWED, ((b"allow", b"GET"),))
    assert (response.status, body_of(response)) == (405, {"error": "Method Not Allowed"})
    assert tuple(response.headers) == (JSON, (b"allow", b"GET"))
