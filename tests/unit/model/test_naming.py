"""Shapes of names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model.naming import (
    is_email,
    is_fingerprint,
    is_room_name,
    is_slug,
    public_name,
    reference_slug,
    slug,
)

THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("alice@example.com", True),
        ("a.b+c@mail.example.co.uk", True),
        ("ж@пример.рф", True),
        ("x" * 64 + "@example.com", True),
        ("x" * 65 + "@example.com", False),
        ("a@" + "b" * 249 + ".com", True),
        ("a@" + "b" * 250 + ".com", False),
        ("alice@example", False),
        ("alice@.example.com", False),
        ("alice@example..com", False),
        ("alice@example.com.", False),
        ("alice@@example.com", False),
        ("al ice@example.com", False),
        ("alice@example.com\n", False),
        ("@example.com", False),
        ("alice", False),
        ("", False),
    ],
)
def test_is_email(text: str, verdict: bool) -> None:
    assert is_email(text) is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (THUMBPRINT, True),
        (THUMBPRINT[:-1], False),
        (THUMBPRINT + "A", False),
        (THUMBPRINT + "=", False),
        (THUMBPRINT[:-1] + "+", False),
        (THUMBPRINT[:-1] + "é", False),
        (THUMBPRINT[:-1] + "\n", False),
        ("", False),
    ],
)
def test_is_fingerprint(text: str, verdict: bool) -> None:
    assert is_fingerprint(text) is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("a", True),
        ("room-1", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("-a", False),
        ("a-", False),
        ("A", False),
        ("a_b", False),
        ("a/b", False),
        ("a\n", False),
        ("é", False),
        ("", False),
    ],
)
def test_is_slug(text: str, verdict: bool) -> None:
    assert is_slug(text) is verdict


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Alice Smith", "alice-smith"),
        ("  Ünïcödé  ", "unicode"),
        ("a__b--c", "a-b-c"),
        ("../../etc/passwd", "etc-passwd"),
        ("ЖЖЖ", "subscriber"),
        ("", "subscriber"),
        ("x" * 60, "x" * 48),
        ("x" * 47 + " y", "x" * 47),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.text())
def test_any_text_makes_a_slug_that_can_stand_in_an_address(text: str) -> None:
    made = slug(text)
    assert is_slug(made)
    assert slug(made) == made
    assert re.fullmatch(r"[a-z0-9-]{1,48}", made)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("a", True),
        ("Room_1-B", True),
        ("a" * 100, True),
        ("a" * 101, False),
        ("a b", False),
        ("a/b", False),
        ("a\n", False),
        ("é", False),
        ("", False),
    ],
)
def test_is_room_name(text: str, verdict: bool) -> None:
    assert is_room_name(text) is verdict


@pytest.mark.parametrize(
    ("display_name", "names", "public"),
    [
        ("Ada L.", ("Ada", "Lovelace"), "Ada L."),
        (None, ("Ada", "Lovelace"), "Ada Lovelace"),
        (None, ("Ada", None), "Ada"),
        (None, (None, "Lovelace"), "Lovelace"),
        ("  ", ("Ada", ""), "Ada"),
        ("ada@example.com", ("Ada", "Lovelace"), "Ada Lovelace"),
        ("Ada <ada@example.com>", (), None),
        ("ada@example", (), "ada@example"),
        (None, ("Ada", "ada@example.com"), None),
        (None, (None, None), None),
        (None, (), None),
    ],
)
def test_public_name_is_the_first_that_is_no_email_address(
    display_name: str | None, names: tuple[str | None, ...], public: str | None
) -> None:
    assert public_name(display_name, *names) == public


@pytest.mark.parametrize(
    ("reference", "expected"),
    [("Ada.L@example.com", "ada-l"), ("user 7", "user-7"), ("@example.com", "example-com")],
)
def test_slug_of_a_reference_has_no_domain(reference: str, expected: str) -> None:
    assert reference_slug(reference) == expected
