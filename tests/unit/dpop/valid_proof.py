"""A good proof and the request that it was made for."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from satmint.dpop import (
    HttpTarget,
    Nonces,
    Proof,
    ProofCause,
    ProofRefused,
    ProofRules,
    check_http_proof,
    check_rpc_proof,
)
from tests.kit.clock import NOW
from tests.kit.proofs import Signer

PATH: Final = "/api/fabric/subscriber/devices/refresh"
URL: Final = f"https://fabric.example.com{PATH}"
TARGET: Final = HttpTarget("POST", PATH, frozenset({URL}))
CONNECT: Final = "signalwire.connect"
SAT: Final = "eyJhbGciOiJkaXIifQ..AAAAAAAAAAAAAAAA.c29tZSBjbGFpbXM.AAAAAAAAAAAAAAAAAAAAAA"
BROWSER: Final = Signer.generate("ES256")
THIEF: Final = Signer.generate("ES256")


def good(htu: str = PATH, **changes: Any) -> str:  # noqa: ANN401 - see the kit
    """The browser's proof for a refresh, but for `changes`."""
    return BROWSER.http_proof(htu, SAT, **changes)


def check(
    text: str,
    target: HttpTarget = TARGET,
    rules: ProofRules | None = None,
    now: int = NOW,
    *,
    token: str = SAT,
    ath_required: bool = True,
    nonces: Nonces | None = None,
) -> Proof:
    """Check a proof for a refresh."""
    return check_http_proof(
        text,
        target,
        rules or ProofRules(),
        now,
        token=token,
        ath_required=ath_required,
        nonces=nonces,
    )


def check_connect(
    text: str, now: int = NOW, *, token: str = SAT, nonces: Nonces | None = None
) -> Proof:
    """Check a proof for a connect."""
    return check_rpc_proof(text, CONNECT, ProofRules(), now, token=token, nonces=nonces)


def refused(
    cause: ProofCause,
    checking: Callable[..., Proof],
    text: str,
    *arguments: Any,  # noqa: ANN401 - handed on
    **options: Any,  # noqa: ANN401 - handed on
) -> ProofRefused:
    """The refusal, which must be for `cause`."""
    with pytest.raises(ProofRefused, match=f"^{cause.value}$") as refusal:
        checking(text, *arguments, **options)
    assert refusal.value.cause is cause
    return refusal.value
