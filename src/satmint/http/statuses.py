"""The mapping from error codes and refusals to HTTP responses."""

from typing import Final

from satmint.flows.proofs import PROOF_ALGORITHMS
from satmint.http.call import HeaderList, Response, json_response
from satmint.model.refusals import (
    Code,
    FieldError,
    NotReady,
    RateLimited,
    Refusal,
    StoreUnavailable,
    Unprocessable,
    Unproven,
)

STATUS: Final = {
    Code.BAD_REQUEST: 400,
    Code.UNAUTHORIZED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.REQUEST_TIMEOUT: 408,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.UPGRADE_REQUIRED: 426,
    Code.HEADERS_TOO_LARGE: 431,
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
    Code.INVALID_SUBPROJECT_ID: 422,
    Code.PAGE_TOKEN_IS_INVALID: 422,
    Code.PAGE_TOKEN_REQUIRED: 422,
    Code.IDEMPOTENCY_KEY_REUSED: 422,
    Code.IDEMPOTENCY_RESULT_UNAVAILABLE: 422,
    Code.RATE_LIMIT_EXCEEDED: 429,
    Code.INTERNAL: 500,
    Code.NOT_IMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.HTTP_VERSION_NOT_SUPPORTED: 505,
}

CODE_OF_STATUS: Final = {
    STATUS[code]: code
    for code in (
        Code.BAD_REQUEST,
        Code.REQUEST_TIMEOUT,
        Code.PAYLOAD_TOO_LARGE,
        Code.UPGRADE_REQUIRED,
        Code.HEADERS_TOO_LARGE,
        Code.INTERNAL,
        Code.NOT_IMPLEMENTED,
        Code.UNAVAILABLE,
        Code.HTTP_VERSION_NOT_SUPPORTED,
    )
}
"""The codes of responses that the HTTP server sends before an operation is known."""

_ERROR_TEXT: Final = {
    Code.BAD_REQUEST: "Bad Request",
    Code.UNAUTHORIZED: "Unauthorized",
    Code.FORBIDDEN: "Forbidden",
    Code.NOT_FOUND: "Not Found",
    Code.METHOD_NOT_ALLOWED: "Method Not Allowed",
    Code.REQUEST_TIMEOUT: "Request Timeout",
    Code.PAYLOAD_TOO_LARGE: "Payload Too Large",
    Code.UPGRADE_REQUIRED: "Upgrade Required",
    Code.HEADERS_TOO_LARGE: "Request Header Fields Too Large",
    Code.INTERNAL: "Internal Server Error",
    Code.NOT_IMPLEMENTED: "Not Implemented",
    Code.UNAVAILABLE: "Service Unavailable",
    Code.HTTP_VERSION_NOT_SUPPORTED: "HTTP Version Not Supported",
}
"""The text of `{"error": …}`, for the codes that have this kind of response (seed 1)."""

_CODE_OF_PLAIN_ERROR: Final = {STATUS[code]: code for code in _ERROR_TEXT}
_RETRY_SECONDS: Final = 1


def code_of(status: int) -> Code:
    """Return the code of a response `{"error": "<text>"}` by its status.

    Raises:
        KeyError: no response of this kind has the status.
    """
    return _CODE_OF_PLAIN_ERROR[status]


def plain_error(code: Code, headers: HeaderList = ()) -> Response:
    """Return the response `{"error": "<text>"}` with the status of `code`."""
    return json_response(STATUS[code], {"error": _ERROR_TEXT[code]}, headers)


def refusal_response(refusal: Refusal, errors_url: str) -> Response:
    """Return the response to a refusal. Only those of proofs and readiness name the cause.

    Args:
        refusal: The refusal.
        errors_url: The base URL of the pages of error codes.
    """
    match refusal:
        case Unprocessable(field_errors=field_errors):
            entries = [
                _entry(field_error, "validation_error", errors_url) for field_error in field_errors
            ]
            return json_response(STATUS[refusal.code], {"errors": entries})
        case RateLimited():
            field_error = FieldError(refusal.code, "Too many requests: try again later")
            entries = [_entry(field_error, "rate_limit_error", errors_url)]
            retry = (b"retry-after", str(refusal.retry_after).encode())
            return json_response(STATUS[refusal.code], {"errors": entries}, (retry,))
        case StoreUnavailable():
            headers = [(b"retry-after", str(_RETRY_SECONDS).encode())]
            if isinstance(refusal, NotReady):
                headers.append((b"x-satmint-cause", refusal.cause.encode()))
            return plain_error(refusal.code, headers)
        case Unproven():
            return plain_error(refusal.code, _proof_headers(refusal))
        case _:
            return plain_error(refusal.code)


def _proof_headers(refusal: Unproven) -> HeaderList:
    """Return headers that describe a failed proof (RFC 9449, sections 7.1, 8 and 9)."""
    algs = " ".join(PROOF_ALGORITHMS)
    skew = "" if refusal.skew is None else f"; skew={refusal.skew}"
    headers = [
        (b"www-authenticate", f'DPoP error="{refusal.error}", algs="{algs}"'.encode()),
        (b"x-satmint-cause", f"{refusal.cause}{skew}".encode()),
    ]
    if refusal.nonce is not None:
        headers.append((b"dpop-nonce", refusal.nonce.encode()))
    return headers


def _entry(field_error: FieldError, kind: str, errors_url: str) -> dict[str, str | None]:
    return {
        "type": kind,
        "code": field_error.code,
        "message": field_error.message,
        "attribute": field_error.attribute,
        "url": f"{errors_url}/{field_error.code}",
    }
