"""Every way in which satmint says no.

    Refusal
    ├── Unauthorized          who are you?
    │   └── Unproven          whose key is that?
    ├── Forbidden             known, and not allowed
    ├── NotFound              no such thing in this project
    ├── Unprocessable         understood and refused, with every fault found
    ├── RateLimited           too often; come back later
    └── StoreUnavailable      nothing is promised about whether it happened

A refusal has a public half (a `Code` and a fixed sentence) and a private one (`cause`), which
goes to logs, metrics and audit events and never to the caller. What is not a `Refusal` is a bug.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Code(StrEnum):
    """Stable names of what can be wrong; one page each at `/errors/<code>`."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    PAYLOAD_TOO_LARGE = "payload_too_large"
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
    PAGE_TOKEN_IS_INVALID = "page_token_is_invalid"  # noqa: S105 - a code
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    INTERNAL = "internal_server_error"
    UNAVAILABLE = "service_unavailable"


class Refusal(Exception):
    """The root of the tree above."""

    code: ClassVar[Code]

    def __init__(self, cause: str = "") -> None:
        super().__init__(f"{self.code}: {cause}" if cause else str(self.code))
        self.cause = cause
        """A short stable word for logs and counters; never input, never a secret."""


class Unauthorized(Refusal):
    """Credentials missing, wrong or insufficient; it never says which."""

    code = Code.UNAUTHORIZED


class Unproven(Unauthorized):
    """A proof of possession is missing, or did not stand one of its checks.

    Unlike other refusals, its cause is told: it speaks of the proof, and not of the token.
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
        """Seconds that the proof is ahead of us (behind: below 0), if that was the check."""
        self.nonce = nonce
        """For the next proof, where nonces are asked for (RFC 9449, section 8)."""
        self.error = error
        """What `WWW-Authenticate` calls it (RFC 9449, sections 7.1 and 9)."""


class Forbidden(Refusal):
    """Known, and not allowed."""

    code = Code.FORBIDDEN


class NotFound(Refusal):
    """No such thing, or not in this project, which must look the same."""

    code = Code.NOT_FOUND


class RateLimited(Refusal):
    """Too often."""

    code = Code.RATE_LIMIT_EXCEEDED

    def __init__(self, retry_after: int, cause: str = "") -> None:
        super().__init__(cause)
        self.retry_after = retry_after
        """Seconds until trying again can succeed."""


class StoreUnavailable(Refusal):
    """The store could not answer, or could not make it durable."""

    code = Code.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request (seed 1: `RestApiErrorItem`)."""

    code: Code
    message: str
    """For people. Names the parameter; of the input it repeats at most a member's name."""
    attribute: str | None = None
    """The request parameter at fault."""


class Unprocessable(Refusal):
    """The request was understood and is refused; `faults` holds everything found wrong."""

    code = Code.INVALID_PARAMETER

    def __init__(self, *faults: Fault, cause: str = "") -> None:
        super().__init__(cause or ",".join(sorted({fault.code.value for fault in faults})))
        self.faults = faults
