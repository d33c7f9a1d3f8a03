"""Why a token is refused, and what to answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from satmint_sdk.verify._challenge import challenge_of


class RefusalCause(StrEnum):
    """Why a token or a proof was refused: stable words, for logs and metrics."""

    TOKEN_MISSING = "token_missing"  # noqa: S105 - a cause
    """The request has no token."""
    CREDENTIALS_MALFORMED = "credentials_malformed"
    """The headers of the request are none that carry a token, or carry several."""
    TOKEN_MALFORMED = "token_malformed"  # noqa: S105 - a cause
    """The text has not the form of a SAT. The server was not asked."""
    TOKEN_INACTIVE = "token_inactive"  # noqa: S105 - a cause
    """The token has expired or was revoked, or is no SAT of this project."""
    TOKEN_NOT_BOUND = "token_not_bound"  # noqa: S105 - a cause
    """There is a proof, and the token is not bound to a key."""
    SCOPE_MISSING = "scope_missing"
    """The token has not all scopes that are required."""
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    """The token is good for other addresses only."""
    PROOF_MISSING = "proof_missing"
    """The token is bound to a key, and there is no proof of it."""
    PROOF_MALFORMED = "proof_malformed"
    """The proof is not three parts of base64url, or longer than 8 KiB."""
    PROOF_JSON = "proof_json"
    """Header or payload of the proof are not strict JSON objects."""
    PROOF_TYPE = "proof_type"
    """The `typ` of the proof is not `dpop+jwt`, or it has a `crit`: a SAT is no proof."""
    PROOF_ALGORITHM = "proof_algorithm"
    """The algorithm of the proof is not supported, or does not fit the key."""
    PROOF_KEY = "proof_key"
    """The proof contains no public key that is accepted."""
    PROOF_SIGNATURE = "proof_signature"
    """The signature of the proof is not that of its key."""
    PROOF_CLAIMS = "proof_claims"
    """A claim of the proof is missing or of a wrong type."""
    PROOF_TARGET = "proof_target"
    """The proof is for another request."""
    PROOF_TIME = "proof_time"
    """The proof is too old, or from the future."""
    PROOF_ATH = "proof_ath"
    """The proof is for another token."""
    PROOF_KEY_MISMATCH = "proof_key_mismatch"
    """The proof is of another key than the token is bound to."""
    PROOF_REPLAYED = "proof_replayed"
    """The proof was used before."""


_STATUSES: Final = {
    RefusalCause.CREDENTIALS_MALFORMED: 400,
    RefusalCause.SCOPE_MISSING: 403,
    RefusalCause.ADDRESS_NOT_ALLOWED: 403,
}


class TokenRefused(Exception):
    """The token is refused. Neither the error nor its text contains a part of it.

    Attributes:
        cause: Why; stable.
        status: What to answer: 401; 403 if the token is good, but not for this; 400 if the request
            is malformed.
        challenge: The value of `WWW-Authenticate` (RFC 6750, section 3; RFC 9449, section 7.1).
        skew: For `proof_time`, by how many seconds the proof is ahead of this machine's clock.
    """

    def __init__(
        self,
        cause: RefusalCause,
        *,
        bound: bool = False,
        realm: str | None = None,
        scope: frozenset[str] = frozenset(),
        skew: int | None = None,
    ) -> None:
        super().__init__(f"the token was refused: {cause.value}")
        self.cause: RefusalCause = cause
        self.status: int = _STATUSES.get(cause, 401)
        self.challenge: str = challenge_of(cause.value, bound=bound, realm=realm, scope=scope)
        self.skew: int | None = skew
        self._made_of = {"bound": bound, "realm": realm, "scope": scope, "skew": skew}

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        return {"WWW-Authenticate": self.challenge, "Cache-Control": "no-store"}

    def __reduce__(self) -> tuple[object, ...]:
        return _made_again, (self.cause, self._made_of)


def _made_again(cause: RefusalCause, arguments: dict[str, object]) -> TokenRefused:
    return TokenRefused(cause, **arguments)  # type: ignore[arg-type]


class CannotVerify(Exception):
    """The token can be neither accepted nor refused: the server cannot be asked. Answer 503.

    Attributes:
        permanent: Whether trying again does not help: the API token is not accepted, or the
            server is none that verifies tokens. The operator of this service has to act.
        retry_after: Seconds after which the client may try again.
        status: What to answer: 503.
    """

    status: Final = 503

    def __init__(self, why: str, *, permanent: bool = False, retry_after: int = 1) -> None:
        super().__init__(why)
        self.permanent = permanent
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        return {"Retry-After": str(self.retry_after), "Cache-Control": "no-store"}

    def __reduce__(self) -> tuple[object, ...]:
        state = {"permanent": self.permanent, "retry_after": self.retry_after}
        return type(self), self.args, state
