"""The one table from what went wrong to what the caller sees."""

from typing import Final

from satmint.flows.proving import PROOF_ALGORITHMS
from satmint.http.messages import HeaderList, Response, json_response
from satmint.model.refusals import (
    Code,
    Fault,
    RateLimited,
    Refusal,
    StoreUnavailable,
    Unprocessable,
    Unproven,
)

STATUS: Final = {
    Code.UNAUTHORIZED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.REQUEST_TIMEOUT: 408,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.MISSING_REQUIRED_PARAMETER: 422,
    Code.NOT_A_STRING: 422,
    Code.INVALID_PARAMETER: 422,
    Code.NOT_A_VALID_JSON: 422,
    Code.NOT_AN_ARRAY_OF_STRINGS: 422,
    Code.ALLOWED_ADDRESS_LIMIT_EXCEEDED: 422,
    Code.MUST_BELONG_TO_PROJECT: 422,
    Code.UNSUPPORTED_REGION: 422,
    Code.NOT_UNIQUE_WITHIN_PROJECT: 422,
    Code.TOKEN_EXPIRED: 422,
    Code.TOKEN_INVALID: 422,
    Code.NOT_A_REFRESH_TOKEN: 422,
    Code.INVALID_TOKEN_FORMAT: 422,
    Code.TOKEN_HAS_INVALID_PREFIX: 422,
    Code.INVALID_AUTH_TOKEN_PERMISSIONS: 422,
    Code.PAGE_TOKEN_IS_INVALID: 422,
    Code.RATE_LIMIT_EXCEEDED: 429,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
}

_SENTENCE: Final = {
    Code.UNAUTHORIZED: "Unauthorized",
    Code.FORBIDDEN: "Forbidden",
    Code.NOT_FOUND: "Not Found",
    Code.METHOD_NOT_ALLOWED: "Method Not Allowed",
    Code.REQUEST_TIMEOUT: "Request Timeout",
    Code.PAYLOAD_TOO_LARGE: "Payload Too Large",
    Code.INTERNAL: "Internal Server Error",
    Code.UNAVAILABLE: "Service Unavailable",
}
"""What stands in `{"error": …}` for the codes that are answered so (seed 1)."""

_RETRY_SECONDS: Final = 1


def plain_error(code: Code, headers: HeaderList = ()) -> Response:
    """`{"error": "<sentence>"}` with the status of `code`."""
    return json_response(STATUS[code], {"error": _SENTENCE[code]}, headers)


def refusal_response(refusal: Refusal, errors_url: str) -> Response:
    """What the caller is told of a refusal; its cause stays here.

    Args:
        refusal: What was raised.
        errors_url: Under which each code has a page of its own.
    """
    match refusal:
        case Unprocessable(faults=faults):
            entries = [_entry(fault, "validation_error", errors_url) for fault in faults]
            return json_response(STATUS[refusal.code], {"errors": entries})
        case RateLimited():
            fault = Fault(refusal.code, "Too many requests: try again later")
            entries = [_entry(fault, "rate_limit_error", errors_url)]
            retry = (b"retry-after", str(refusal.retry_after).encode())
            return json_response(STATUS[refusal.code], {"errors": entries}, (retry,))
        case StoreUnavailable():
            retry = (b"retry-after", str(_RETRY_SECONDS).encode())
            return plain_error(refusal.code, (retry,))
        case Unproven():
            return plain_error(refusal.code, _about_proof(refusal))
        case _:
            return plain_error(refusal.code)


def _about_proof(refusal: Unproven) -> HeaderList:
    """What is wrong with a proof (RFC 9449, sections 7.1, 8 and 9)."""
    algs = " ".join(PROOF_ALGORITHMS)
    skew = "" if refusal.skew is None else f"; skew={refusal.skew}"
    headers = [
        (b"www-authenticate", f'DPoP error="{refusal.error}", algs="{algs}"'.encode()),
        (b"x-satmint-cause", f"{refusal.cause}{skew}".encode()),
    ]
    if refusal.nonce is not None:
        headers.append((b"dpop-nonce", refusal.nonce.encode()))
    return headers


def _entry(fault: Fault, kind: str, errors_url: str) -> dict[str, str | None]:
    return {
        "type": kind,
        "code": fault.code,
        "message": fault.message,
        "attribute": fault.attribute,
        "url": f"{errors_url}/{fault.code}",
    }
