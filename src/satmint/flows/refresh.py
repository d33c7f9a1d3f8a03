"""Exchange a refresh token for a new pair (seeds 0 and 1).

A rotation creates one new generation, however many callers present the same token and however many
responses are lost. `satmint.model.rotation` has the rules.
"""

from typing import assert_never

from satmint.flows.callers import ApiTokenCaller, named_addresses, refresh_token_ref
from satmint.flows.service_context import ServiceContext
from satmint.flows.token_issuer import TokenPair
from satmint.jose.token_cipher import CannotOpen, OpenedToken, TokenCipher
from satmint.model.claims import SELF_REFRESH, TokenType
from satmint.model.events import EventKind, Origin
from satmint.model.lifetimes import ACCESS_SECONDS, UNBOUND_SELF_REFRESH_SECONDS, expired
from satmint.model.refusals import Code, FieldError, NotFound, Unauthorized, Unprocessable
from satmint.model.rotation import (
    Cause,
    Refused,
    Replayed,
    Reused,
    Rotated,
)


def token_error(code: Code, message: str, attribute: str = "refresh_token") -> FieldError:
    """The error of a token in the member `attribute` of a request body."""
    return FieldError(code, message, attribute)


_EXPIRED = token_error(Code.TOKEN_EXPIRED, "Token has expired.")
_INVALID = token_error(Code.TOKEN_INVALID, "Token is invalid.")
_NOT_A_REFRESH_TOKEN = token_error(Code.NOT_A_REFRESH_TOKEN, "Token is not a refresh token.")
_BAD_FORMAT = token_error(Code.INVALID_TOKEN_FORMAT, "Token format is invalid.")


async def refresh(
    services: ServiceContext, caller: ApiTokenCaller, token: str, origin: Origin
) -> tuple[TokenPair, Rotated | Replayed]:
    """Exchange a refresh token of the caller's project for the pair of its session's head.

    A client may repeat the request with the same token until it uses the new pair, for at most
    `Policy.replay_seconds`; the response is then equivalent.

    Returns:
        The pair, and whether this call rotated or replayed.

    Raises:
        Unprocessable: the token is malformed, a SAT, expired, revoked, reused or unknown. In case
            of reuse, the session has been revoked, even if the token has expired since.
        NotFound: the subscriber was deleted, and the token has not expired.
    """
    opened = _open(services.cipher, token)
    claims = opened.claims
    now = services.clock.now()
    if claims.prj != caller.project:
        raise Unprocessable(_INVALID, cause="foreign_project")
    is_expired = expired(claims.exp, now)
    if not is_expired:
        try:
            await named_addresses(services.store, claims.prj, claims.addr)
        except Unauthorized as deleted:
            raise Unprocessable(_INVALID, cause=deleted.cause) from deleted
    event = services.new_event(
        EventKind.REFRESHED, claims.prj, origin, now, subscriber=claims.sub, session=claims.sid
    )
    # As at issue: such a SAT binds the session to the first key that is presented with it, so it
    # must be short-lived.
    self_refresh = claims.jkt is None and SELF_REFRESH in claims.scope
    seconds = UNBOUND_SELF_REFRESH_SECONDS if self_refresh else ACCESS_SECONDS
    # An expired token is presented to the store too: a spent one is evidence of a theft.
    decision = await services.store.sessions.rotate(
        refresh_token_ref(claims),
        now + services.policy.token_seconds(seconds),
        now,
        services.policy.replay_seconds,
        event,
    )
    if is_expired:
        raise Unprocessable(
            _EXPIRED, cause="reuse" if isinstance(decision, Reused) else Cause.EXPIRED
        )
    match decision:
        case Rotated() | Replayed():
            ch = services.issuer.successor_cluster_host(opened.ch)
            return services.issuer.seal_pair(claims, decision.head, ch, now), decision
        case Reused():
            raise Unprocessable(_INVALID, cause="reuse")
        case Refused(Cause.SUBSCRIBER_DELETED):
            raise NotFound(Cause.SUBSCRIBER_DELETED)
        case Refused(Cause.EXPIRED | Cause.DEADLINE as cause):
            raise Unprocessable(_EXPIRED, cause=cause)
        case Refused(cause):
            raise Unprocessable(_INVALID, cause=cause)
        case _:
            assert_never(decision)


def format_errors(token: str) -> list[FieldError]:
    """Errors in the form of a refresh token that the response reports."""
    return [] if token.count(".") == 4 else [_BAD_FORMAT]


def _open(cipher: TokenCipher, token: str) -> OpenedToken:
    if field_errors := format_errors(token):
        raise Unprocessable(*field_errors, cause="not_five_parts")
    try:
        return cipher.open(token, TokenType.REFRESH)
    except CannotOpen as error:
        if _is_sat(cipher, token):
            raise Unprocessable(_NOT_A_REFRESH_TOKEN, cause="is_a_sat") from error
        raise Unprocessable(_INVALID, cause="cannot_open") from error


def _is_sat(cipher: TokenCipher, token: str) -> bool:
    """Whether `token` is a SAT of this deployment. It must decrypt: its header may be forged."""
    try:
        cipher.open(token, TokenType.SAT)
    except CannotOpen:
        return False
    return True
