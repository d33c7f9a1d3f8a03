"""Secrets: their shapes, their checksum, and that none of them prints itself."""

import re
from hashlib import sha256
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model.secrets import (
    SecretText,
    digest,
    is_api_token,
    is_c2c_token,
    mask,
    new_api_token,
    new_c2c_token,
)
from tests.kit.entropy import SeededEntropy


def test_secret_shows_itself_only_where_it_is_told_to() -> None:
    secret = SecretText("PTdeadbeef")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{[secret]}", f"{secret!s:>9}"]
    assert shown == [
        *["SecretText(hidden)"] * 4,
        "[SecretText(hidden)]",
        "SecretText(hidden)",
    ]
    assert secret.reveal() == "PTdeadbeef"
    assert not hasattr(secret, "__dict__")


def test_secret_is_stored_as_its_sha_256() -> None:
    assert SecretText("PTdeadbeef").digest() == sha256(b"PTdeadbeef").digest()


@given(st.text(st.characters()))
def test_any_text_has_a_digest_lone_surrogates_too(text: str) -> None:
    assert len(digest(text)) == 32


def test_api_token_is_pt_and_48_hexadecimal_digits() -> None:
    entropy = SeededEntropy()
    one, other = new_api_token(entropy).reveal(), new_api_token(entropy).reveal()
    assert re.fullmatch(r"PT[0-9a-f]{48}", one)
    assert one != other


def test_c2c_token_ends_in_the_crc_32_of_the_rest() -> None:
    text = new_c2c_token(SeededEntropy()).reveal()
    assert re.fullmatch(r"c2c_[0-9a-f]{32}", text)
    assert int(text[-8:], 16) == crc32(text[:-8].encode())
    assert is_c2c_token(text)


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text + "\n",
        lambda text: text.upper(),
        lambda text: "c2c-" + text[4:],
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text[:4] + ("0" if text[4] != "0" else "1") + text[5:],
        lambda text: text[:10] + "\u0661" + text[11:],
        lambda _: "",
        lambda _: "c2c_",
    ],
)
def test_look_alikes_of_a_c2c_token_are_told_apart_offline(spoiled: object) -> None:
    assert callable(spoiled)
    assert not is_c2c_token(spoiled(new_c2c_token(SeededEntropy()).reveal()))


@given(st.text())
def test_any_text_is_a_c2c_token_or_is_none(text: str) -> None:
    assert is_c2c_token(text) is (
        re.fullmatch(r"c2c_[0-9a-f]{32}\Z", text, re.ASCII) is not None
        and int(text[-8:], 16) == crc32(text[:-8].encode())
    )


def test_mask_of_an_api_token_leaves_seven_of_its_digits() -> None:
    token = new_api_token(SeededEntropy()).reveal()
    assert mask(token) == f"{token[:6]}…{token[-3:]}"
    assert mask("PT0123456789abcdef") == "PT0123…def"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("PT" + "0a" * 24, True),
        ("PT" + "0a" * 24 + "\n", False),
        ("PT" + "0a" * 23 + "0", False),
        ("PT" + "0A" * 24, False),
        ("pt" + "0a" * 24, False),
        ("0a" * 25, False),
        ("", False),
    ],
)
def test_api_token_is_told_by_its_form(text: str, verdict: bool) -> None:
    assert is_api_token(text) is verdict
