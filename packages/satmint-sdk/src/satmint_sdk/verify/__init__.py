"""Verifies SATs in a service of one's own: as fast as a local check, as fresh as a revocation.

    from satmint_sdk.rest import RestClient
    from satmint_sdk.verify import TokenRefused, Verifier

    verifier = Verifier(RestClient(token="PT..."))  # an API token with the permission `introspect`
    try:
        subscriber = verifier.verify(token).subscriber
    except TokenRefused as refused:
        return refused.status, refused.headers

`AsyncVerifier` is for asyncio.
"""

from satmint_sdk.verify._answers import AnswerCounts
from satmint_sdk.verify._core import VerifierState
from satmint_sdk.verify._feed import FeedState
from satmint_sdk.verify._replays import UsedProofs
from satmint_sdk.verify._token import VerifiedToken
from satmint_sdk.verify._verifier import AsyncVerifier, Verifier
from satmint_sdk.verify.errors import CannotVerify, RefusalCause, TokenRefused

__all__ = [
    "AnswerCounts",
    "AsyncVerifier",
    "CannotVerify",
    "FeedState",
    "RefusalCause",
    "TokenRefused",
    "UsedProofs",
    "VerifiedToken",
    "Verifier",
    "VerifierState",
]


def __dir__() -> list[str]:
    return [*__all__, "errors"]
