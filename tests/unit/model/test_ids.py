"""Ids as text: one spelling only."""

from uuid import UUID

import pytest

from satmint.model.entropy import SystemEntropy, random_uuid
from satmint.model.ids import as_uuid
from tests.kit.entropy import SeededEntropy

TEXT = "32d94154-9297-418c-9a85-4a69e0c67c30"


@pytest.mark.parametrize("text", [TEXT, TEXT.upper()])
def test_usual_form_is_read_in_either_case(text: str) -> None:
    assert as_uuid(text) == UUID(TEXT)


@pytest.mark.parametrize(
    "value",
    [
        TEXT.replace("-", ""),
        "{" + TEXT + "}",
        "urn:uuid:" + TEXT,
        TEXT[:-1],
        TEXT + "0",
        TEXT[:-1] + "g",
        # Python's int() would take these for digits.
        TEXT[:-2] + "_0",
        TEXT[:-1] + "\u0660",
        "urn:uuid:" + TEXT.replace("-", "")[:27],
        "32d941549297-418c-9a85-4a69e0c67c30-",
        "",
        None,
        7,
        UUID(TEXT),
        [TEXT],
    ],
)
def test_any_other_form_is_no_id(value: object) -> None:
    assert as_uuid(value) is None


def test_random_ids_are_version_4_and_differ() -> None:
    made = [random_uuid(SystemEntropy()) for _ in range(10)]
    assert {(one.version, one.variant) for one in made} == {(4, "specified in RFC 4122")}
    assert len(set(made)) == 10


def test_seeded_dice_fall_the_same_way_again() -> None:
    one, resent, other = (SeededEntropy(seed) for seed in ("a", "a", "b"))
    assert one.take(40) == resent.take(40) != other.take(40)
    assert one.take(12) == resent.take(12)
    assert one.take(0) == b""
