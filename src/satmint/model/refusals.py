"""All refusals, as a tree of exceptions.

    Refusal
    ├── Unauthorized          credentials missing or invalid
    │   └── Unproven          proof of possession missing or invalid
    ├── Forbidden             known, and not allowed
    ├── NotFound              no such object in this project
    ├── Unprocessable         understood and refused, with all field errors
    ├── RateLimited           rate limit exceeded
    └── StoreUnavailable      the outcome is unknown
        └── NotReady          what a readiness check found

A refusal has a public part (a `Code` and a fixed sentence) and a private part (`cause`), which goes
to logs, metrics and audit events but never to the caller. Any other exception is a bug.
"""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Stable error codes; each has a page at `/errors/<code>`."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    UPGRADE_REQUIRED = "upgrade_required"
    HEADERS_TOO_LARGE = "request_header_fields_too_large"
    MISSING_REQUIRED_PARAMETER = "missing_required_parameter"
    NOT_A_STRING = "not_a_string"
    INVALID_PARAMETER = "invalid_parameter"
    NOT_A_VALID_JSON = "not_a_valid_json"
    NOT_AN_ARRAY_OF_STRINGS = "not_an_array_of_strings"
    ALLOWED_ADDRESS_LIMIT_EXCEEDED = "allowed_address_limit_exceeded"
    MUST_BELONG_TO_PROJECT = "must_belong_to_project"
    UNSUPPORTED_REGION = "unsupported_region"
    NOT_UNIQUE_WITHIN_PROJECT = "not_unique_within_project"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - a code
    NOT_A_REFRESH_TOKEN = "not_a_refresh_token"  # noqa: S105 - a code
    INVALID_TOKEN_FORMAT = "invalid_token_format"  # noqa: S105 - a code
    TOKEN_HAS_INVALID_PREFIX = "token_has_invalid_prefix"  # noqa: S105 - a code
    INVALID_AUTH_TOKEN_PERMISSIONS = "invalid_auth_token_permissions"  # noqa: S105 - a code
    INVALID_SUBPROJECT_ID = "invalid_subproject_id"
    PAGE_TOKEN_IS_INVALID = "page_token_is_invalid"  # noqa: S105 - a code
    PAGE_TOKEN_REQUIRED = "page_token_required"  # noqa: S105 - a code
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    IDEMPOTENCY_RESULT_UNAVAILABLE = "idempotency_result_unavailable"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    INTERNAL = "internal_server_error"
    NOT_IMPLEMENTED = "not_implemented"
    HTTP_VERSION_NOT_SUPPORTED = "http_version_not_supported"
    UNAVAILABLE = "service_unavailable"


class Refusal(Exception):
    """The root of all refusals."""

    code: Code
    """The code that the response, the log and the metrics carry."""

    def __init__(self, cause: str = "") -> None:
        super().__init__(f"{self.code}: {cause}" if cause else str(self.code))
        self.cause = cause
        """A short stable word for logs and metrics; never input or a secret."""


class Unauthorized(Refusal):
    """Credentials are missing, invalid or insufficient; the response does not say which."""

    code = Code.UNAUTHORIZED


class Unproven(Unauthorized):
    """A proof of possession is missing or failed a check.

    Unlike other refusals, the response names the cause: it concerns the proof, not the token.
    """

    def __init__(
        self,
        cause: str,
        *,
        skew: int | None = None,
        nonce: str | None = None,
        error: str = "invalid_dpop_proof",
    ) -> None:
        super().__init__(cause)
        self.skew = skew
        """Seconds that the proof is ahead of the server's clock, if that check failed."""
        self.nonce = nonce
        """Nonce for the next proof, if nonces are required (RFC 9449, section 8)."""
        self.error = error
        """The `error` in `WWW-Authenticate` (RFC 9449, sections 7.1 and 9)."""


class Forbidden(Refusal):
    """The caller is known, but not allowed."""

    code = Code.FORBIDDEN


class NotFound(Refusal):
    """The object does not exist or belongs to another project, which must look the same."""

    code = Code.NOT_FOUND


class RateLimited(Refusal):
    """A rate limit is exceeded."""

    code = Code.RATE_LIMIT_EXCEEDED

    def __init__(self, retry_after: int, cause: str = "") -> None:
        super().__init__(cause)
        self.retry_after = retry_after
        """Seconds until a retry can succeed."""


class StoreUnavailable(Refusal):
    """The store did not answer, or could not commit durably."""

    code = Code.UNAVAILABLE


class NotReady(StoreUnavailable):
    """The store cannot be used now. The response to a readiness check names the cause."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error of a request (seed 1: `RestApiErrorItem`)."""

    code: Code
    message: str
    """For people. Names the parameter; contains no input but a member's name."""
    attribute: str | None = None
    """The invalid parameter."""


class Unprocessable(Refusal):
    """The request is well-formed but invalid; `field_errors` has all errors found.

    The response carries the code of each; `code` is that of the first.
    """

    code = Code.INVALID_PARAMETER

    def __init__(self, *field_errors: FieldError, cause: str = "") -> None:
        if field_errors:
            self.code = field_errors[0].code
        super().__init__(
            cause or ",".join(sorted({field_error.code.value for field_error in field_errors}))
        )
        self.field_errors = field_errors
