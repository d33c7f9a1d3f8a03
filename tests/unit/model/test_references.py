"""Which references are accepted, and which are equal."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from satmint.model.naming import public_name, reference_slug
from satmint.model.references import (
    is_email_reference,
    reference_error,
    reference_key,
)

EQUAL = (
    ("Bob@Example.com", "bob@example.com"),
    ("BOB@EXAMPLE.COM", "bob@example.com"),
    ("Rene\u0301", "Ren\u00e9"),
    ("Rene\u0301@example.com", "REN\u00c9@EXAMPLE.COM"),
    ("H\u0331@example.com", "h\u0331@example.com"),  # composed in lower case only
    ("ΝΊΚΟΣ@example.gr", "νίκος@example.gr"),
    ("FATIH@example.com", "fatih@example.com"),
    ("ПОЧТА@ПРИМЕР.РФ", "почта@пример.рф"),
    ("\u212aim@example.com", "kim@example.com"),  # the sign for kelvin is K in every form
)
DIFFERENT = (
    ("Bob", "bob"),
    ("straße@example.com", "strasse@example.com"),
    ("a@straße.example", "a@strasse.example"),
    ("a@bücher.example", "a@xn--bcher-kva.example"),
    ("fat\u0131h@example.com", "fatih@example.com"),
    ("\u0130rem@example.com", "irem@example.com"),
    ("\u017fam@example.com", "sam@example.com"),
    ("\ufb01n@example.com", "fin@example.com"),
    ("a.b@example.com", "ab@example.com"),
    ("a+b@example.com", "a@example.com"),
    ("bob@example.com", "b\u043eb@example.com"),
    ("bob@example.com.", "BOB@EXAMPLE.COM."),  # not of the form
)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
emails = st.builds("{}@{}.example".format, texts, texts)
REFERENCES = st.one_of(texts, emails)


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_references_have_one_key(one: str, other: str) -> None:
    assert reference_key(one) == reference_key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_references_have_two_keys(one: str, other: str) -> None:
    assert reference_key(one) != reference_key(other)


@given(REFERENCES)
@example("\u1fbc\u0345@x.example")
@example("H\u0331\u0301@x.example")
def test_key_of_a_key_is_itself(text: str) -> None:
    key = reference_key(text)
    assert reference_key(key) == key


def test_key_of_each_character_is_its_own_key() -> None:
    for code in range(0x20000):
        for text in (f"a{chr(code)}@x.example", chr(code)):
            key = reference_key(text)
            assert reference_key(key) == key, hex(code)


@given(REFERENCES)
def test_normalization_form_makes_no_difference(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert reference_key(unicodedata.normalize(form, text)) == reference_key(text)


@given(emails)
def test_case_makes_no_difference_to_an_email_address(text: str) -> None:
    normal = unicodedata.normalize("NFC", text)
    for other in (
        "".join(c.lower() if len(c.lower()) == 1 else c for c in normal),
        "".join(c.upper() if c.upper().lower() == c else c for c in normal),
    ):
        if is_email_reference(normal) and is_email_reference(other):
            assert reference_key(other) == reference_key(text)


@given(texts)
def test_case_makes_a_difference_to_other_references(text: str) -> None:
    normal = unicodedata.normalize("NFC", text)
    assert (reference_key(text) == normal) or is_email_reference(text)


@given(REFERENCES)
def test_what_is_accepted_has_a_key_that_is_accepted_too(text: str) -> None:
    if reference_error(text) is None and len(reference_key(text)) <= 255:
        assert reference_error(reference_key(text)) is None


BLANK = "must not begin or end with a blank: remove it"


def forbidden(code: str) -> str:
    return f"must not contain control, zero-width or bidirectional characters: remove {code}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bob@example.com", None),
        ("user 7", None),
        ("ユーザー", None),
        ("x" * 255, None),
        ("x" * 256, "must be at most 255 characters long"),
        ("", "must not be empty"),
        (" ", BLANK),
        ("bob\n", BLANK),
        ("bob ", BLANK),
        ("\tbob", BLANK),
        ("bob\u00a0", BLANK),
        ("\u3000bob", BLANK),
        ("b\tob", forbidden("U+0009")),
        ("b\x00ob", forbidden("U+0000")),
        ("bob\x7f", forbidden("U+007F")),
        ("b\u0085ob", forbidden("U+0085")),
        ("b\u2028ob", forbidden("U+2028")),
        ("bob\u200b", forbidden("U+200B")),
        ("b\u200dob", forbidden("U+200D")),
        ("\ufeffbob", forbidden("U+FEFF")),
        ("b\u00adob", forbidden("U+00AD")),
        ("b\u2060ob", forbidden("U+2060")),
        ("\u202ebob", forbidden("U+202E")),
        ("bob\u2069", forbidden("U+2069")),
        ("bob\u061c", forbidden("U+061C")),
        ("bob\ufe0f", forbidden("U+FE0F")),
        ("bob\U000e0041", forbidden("U+E0041")),
        ("b\udcffob", forbidden("U+DCFF")),
    ],
)
def test_reference_error_names_the_remedy(text: str, message: str | None) -> None:
    assert reference_error(text) == message


@pytest.mark.parametrize(
    ("display_name", "names", "expected"),
    [
        ("Alice S.", ("Alice", "Smith"), "Alice S."),
        (None, ("Alice", "Smith"), "Alice Smith"),
        ("", ("Alice", None), "Alice"),
        (None, (None, "Smith"), "Smith"),
        (None, ("", ""), None),
        (" ", (None, None), None),
        ("alice@example.com", ("Alice", "Smith"), "Alice Smith"),
        ("Alice <alice@example.com>", (None, None), None),
        (None, ("alice@example.com", "Smith"), None),
        ("Alice @ Work", (None, None), "Alice @ Work"),
    ],
)
def test_public_name(
    display_name: str | None, names: tuple[str | None, str | None], expected: str | None
) -> None:
    assert public_name(display_name, *names) == expected


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Ann.Lee@example.com", "ann-lee"),
        ("user 7", "user-7"),
        ("@ann", "ann"),
        ("@", "subscriber"),
        ("日本@example.jp", "subscriber"),
    ],
)
def test_slug_of_a_reference_is_without_the_domain(reference: str, expected: str) -> None:
    assert reference_slug(reference) == expected


@given(emails)
def test_no_public_name_contains_an_email_address(email: str) -> None:
    if is_email_reference(email):
        assert public_name(email, None, None) is None
        assert public_name(f"Mr {email}", email, "Smith") is None
