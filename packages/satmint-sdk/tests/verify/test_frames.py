"""What reporters of errors show of a refusal: the variables of its frames, with no token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kit.verifying import FakeSatmint, active, token_of
from satmint_sdk.credentials import DPoPKey
from satmint_sdk.rest import RestClient
from satmint_sdk.testing import FakeClock
from satmint_sdk.verify import TokenRefused, Verifier

URL = "https://api.example.com/"


def shown(error: BaseException | None) -> Iterator[str]:
    """The variables of the SDK's frames, also of what an error was raised for."""
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename != __file__:
                yield from map(repr, trace.tb_frame.f_locals.values())
            trace = trace.tb_next
        error = error.__cause__ or error.__context__


def test_frames_of_a_refusal_show_neither_token_nor_proof(clock: FakeClock) -> None:
    key, bound = DPoPKey.generate(clock=clock), token_of(1)
    fake = FakeSatmint()
    fake.answers = {bound: active(cnf={"jkt": key.thumbprint})}
    proof = key.http_proof("GET", URL, access_token=bound)
    with RestClient("p", "t", "127.0.0.1:1") as client, Verifier(client, clock=clock) as verifier:
        verifier._questions._client = fake  # type: ignore[assignment]
        for token, sent, url, cause in (
            (token_of(2), None, None, "token_inactive"),
            (token_of(2), None, None, "token_inactive"),  # which is remembered
            (f"{bound}!", None, None, "token_malformed"),
            (token_of(3, 9000), None, None, "token_malformed"),
            (bound, None, None, "proof_missing"),
            (bound, proof, f"{URL}other", "proof_target"),
            (bound, proof[:-4], URL, "proof_malformed"),
        ):
            with pytest.raises(TokenRefused) as refused:
                verifier.verify(token, proof=sent, method="GET", url=url)
            assert refused.value.cause == cause
            for text in shown(refused.value):
                assert token not in text
                assert proof not in text
                assert sent is None or sent not in text
