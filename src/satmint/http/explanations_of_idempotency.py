"""The documentation of the error codes of idempotency keys."""

from typing import Final

from satmint.http.explanation import Explanation
from satmint.model.refusals import Code, FieldError

IDEMPOTENCY: Final = {
    Code.IDEMPOTENCY_KEY_REUSED: Explanation(
        title="Idempotency key reused",
        meaning=(
            "An earlier request with this `Idempotency-Key` had another body. Nothing was made."
        ),
        when=(
            "The client sent the key of one request with another one, within 24 hours.",
            "One of the two requests had a proof of possession, the other one did not.",
        ),
        remedy=(
            "Use a new key, such as a random UUID, for each request that is not a repetition.",
            "Repeat a request with exactly the same body.",
        ),
        field_error=FieldError(
            Code.IDEMPOTENCY_KEY_REUSED,
            "Idempotency-Key was used for a request with another body",
            "Idempotency-Key",
        ),
    ),
    Code.IDEMPOTENCY_RESULT_UNAVAILABLE: Explanation(
        title="Idempotency result unavailable",
        meaning=(
            "The first request with this `Idempotency-Key` succeeded, but its answer cannot be"
            " given again. Nothing was made by this request."
        ),
        when=(
            "What the first request made was deleted or revoked, or has expired.",
            "A new token was used before the repetition came: its text is not shown again.",
            "A key was removed from the keyring of the server.",
        ),
        remedy=(
            "Send the request with a new key, to make another one.",
            "If a token was used by nobody that you know, delete it, or revoke its session.",
        ),
        field_error=FieldError(
            Code.IDEMPOTENCY_RESULT_UNAVAILABLE,
            "The first request with this Idempotency-Key succeeded, but what it made was used"
            " since, so that its secret is not shown again: use a new key",
            "Idempotency-Key",
        ),
    ),
}
