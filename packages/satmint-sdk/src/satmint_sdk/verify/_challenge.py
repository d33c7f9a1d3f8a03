"""The challenges of a resource server (RFC 6750, section 3; RFC 9449, section 7.1)."""

from __future__ import annotations

from typing import Final

ALGORITHMS: Final = ("ES256", "RS256", "PS256", "EdDSA", "Ed25519")
"""Of proofs. `EdDSA` and `Ed25519` are two names of one (RFC 9864)."""

_NO_ERROR: Final = frozenset({"token_missing"})
_SENTENCES: Final = {
    "credentials_malformed": "send one token, in one Authorization header",
    "token_malformed": "this is not a subscriber access token",
    "token_inactive": "the token has expired or was revoked, or belongs elsewhere",
    "token_not_bound": "there is a proof, and the token is not bound to a key: send it as Bearer",
    "scope_missing": "the token has not the scope that this needs",
    "address_not_allowed": "the token is not good for this address",
    "proof_missing": "the token is bound to a key: send a proof in the DPoP header",
    "proof_replayed": "the proof was used before: make a new one for each request",
    "proof_target": "the proof is for another method or URL",
    "proof_time": "the proof is too old, or from the future: check the clock",
    "proof_ath": "the proof is for another token, or has no ath",
    "proof_key_mismatch": "the proof is of another key than the token",
}


def challenge_of(
    cause: str,
    *,
    bound: bool = False,
    realm: str | None = None,
    scope: frozenset[str] = frozenset(),
) -> str:
    """The value of `WWW-Authenticate`.

    Args:
        cause: A `RefusalCause`.
        bound: Whether the token is bound to a key, or there is a proof.
        realm: The realm, if it has one.
        scope: The scopes that are required.
    """
    common = [] if realm is None else [("realm", realm)]
    algorithms = [("algs", " ".join(ALGORITHMS))]
    if cause in _NO_ERROR:
        # Nothing but the schemes (RFC 6750, section 3.1).
        return ", ".join([_challenge("Bearer", common), _challenge("DPoP", common + algorithms)])
    members = [*common, ("error", _error(cause)), ("error_description", _sentence(cause))]
    if scope and cause == "scope_missing":
        members.append(("scope", " ".join(sorted(scope))))
    if bound or cause.startswith("proof_"):
        return _challenge("DPoP", members + algorithms)
    return _challenge("Bearer", members)


def _error(cause: str) -> str:
    if cause == "credentials_malformed":
        return "invalid_request"
    if cause in ("scope_missing", "address_not_allowed"):
        return "insufficient_scope"
    is_of_proof = cause.startswith("proof_") and cause != "proof_key_mismatch"
    # RFC 9449, section 7.1: without a proof, it is the token that cannot be used.
    return "invalid_dpop_proof" if is_of_proof and cause != "proof_missing" else "invalid_token"


def _sentence(cause: str) -> str:
    return _SENTENCES.get(cause, "the proof is not valid")


def _challenge(scheme: str, members: list[tuple[str, str]]) -> str:
    quoted = ", ".join(f'{name}="{_quoted(value)}"' for name, value in members)
    return f"{scheme} {quoted}".rstrip()


def _quoted(text: str) -> str:
    """The inside of a quoted-string (RFC 9110, section 5.6.4)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
