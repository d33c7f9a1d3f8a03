"""A token and its end."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from satmint_sdk.credentials import (
    Credential,
    CredentialProvider,
    EmbedTokenCredentialProvider,
    InvalidCredential,
    RefreshingCredentialProvider,
    StaticCredentialProvider,
)
from satmint_sdk.testing import make_token


@pytest.mark.parametrize(
    "token", ["", None, 5, b"bytes", "naïve", "a\ud800", "a\n", " a", "a\r\nX: y"]
)
def test_what_is_no_token_is_refused(token: Any) -> None:
    with pytest.raises(InvalidCredential) as refused:
        Credential(token)
    assert str(refused.value) == "the token must be a non-empty string of ASCII without blanks"


@pytest.mark.parametrize(
    "expiry_at", [True, "1800000000000", float("nan"), float("inf"), -1, 2**60, [5]]
)
def test_what_is_no_moment_is_refused(expiry_at: Any) -> None:
    with pytest.raises(InvalidCredential) as refused:
        Credential("t", expiry_at)
    assert str(refused.value) == "expiry_at must be milliseconds since the epoch"


def test_a_float_becomes_a_whole_number() -> None:
    moment: Any = 1_800_000_000_000.7
    assert Credential("t", moment).expiry_at == 1_800_000_000_000


def test_a_credential_is_frozen_and_silent() -> None:
    token = make_token("SAT")
    credential = Credential(token, 5, authorization_state="opaque-state")
    assert repr(credential) == "Credential(expiry_at=5)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        credential.token = "other"  # type: ignore[misc]


def test_who_can_refresh_is_seen_from_outside() -> None:
    static = StaticCredentialProvider(Credential("t"))
    embed = EmbedTokenCredentialProvider("localhost", "c2c_0")
    assert isinstance(static, CredentialProvider)
    assert not isinstance(static, RefreshingCredentialProvider)
    assert isinstance(embed, RefreshingCredentialProvider)
