"""What a repetition of a request with an idempotency key needs, and why it may be refused."""

from typing import Final

from satmint.jose import Keyring
from satmint.model.idempotency import KeyedRequest
from satmint.model.refusals import Code, FieldError, Unprocessable

_UNAVAILABLE: Final = {
    "deleted": "was deleted",
    "ended": "was revoked or has expired",
    "used": "was used since, so that its secret is not shown again",
    "key_removed": "cannot be shown again, since a key was removed from the keyring",
}
"""What became of the result of the first request."""


def master_secret(keyring: Keyring, keyed: KeyedRequest) -> bytes:
    """The master key of a request with an idempotency key.

    Raises:
        Unprocessable: it is not in the keyring any more.
    """
    for key in keyring.keys:
        if key.id == keyed.master_key:
            return key.secret
    raise result_unavailable("key_removed")


def result_unavailable(reason: str) -> Unprocessable:
    """The refusal of a repetition that cannot be answered as the first request was."""
    message = (
        "The first request with this Idempotency-Key succeeded, but what it made"
        f" {_UNAVAILABLE[reason]}: use a new key"
    )
    code = Code.IDEMPOTENCY_RESULT_UNAVAILABLE
    return Unprocessable(FieldError(code, message, "Idempotency-Key"), cause=f"result_{reason}")
