"""Our description against the vendor's, member by member: what differs, differs on purpose.

`vendor_facts.toml` has the facts of the vendor's description, `vendor_differences.toml` what
differs from it, each with a reason. A difference that is not listed fails, and so does a listed one
that does not exist.
"""

import re
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from satmint.http.openapi import document
from satmint.http.resources import OPERATIONS
from tests.http.api_facts import (
    document_facts,
    flattened,
    read_vendor_table,
    vendor_facts,
)
from tests.kit.service import BASE_URL, Json

TABLE: Final = read_vendor_table()
VENDOR: Final = vendor_facts(TABLE)
OURS: Final = document_facts(document(OPERATIONS, BASE_URL))
ABSENT: Final = "absent"
SERVED: Final = sorted(VENDOR)


class Difference(NamedTuple):
    """A fact that is another one in our description."""

    where: str
    """`<method> <path> <fact>`."""
    theirs: str
    ours: str


class Listed(NamedTuple):
    """Differences on purpose."""

    where: str
    """As in `Difference`; `*` stands for any text."""
    theirs: str
    ours: str
    """`<theirs>` stands for their type."""
    reason: str

    def covers(self, difference: Difference) -> bool:
        """Whether it is one of these."""
        ours = self.ours.replace("<theirs>", difference.theirs.removesuffix(", optional"))
        return all(
            re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text)
            for pattern, text in zip((self.where, self.theirs, ours), difference, strict=True)
        )


def listed_differences() -> list[Listed]:
    path = Path(__file__).with_name("vendor_differences.toml")
    return [Listed(**entry) for entry in tomllib.loads(path.read_text())["difference"]]


def differences(operation: str) -> list[Difference]:
    """The differences of an operation, without the bodies of statuses that only one side has."""
    theirs, ours = VENDOR[operation], OURS[operation]
    names = theirs.keys() | ours.keys()
    statuses = {name.removeprefix("status ") for name in names if name.startswith("status ")}
    one_sided = {
        status for status in statuses if not {f"status {status}"} <= theirs.keys() & ours.keys()
    }
    return [
        Difference(f"{operation} {name}", theirs.get(name, ABSENT), ours.get(name, ABSENT))
        for name in sorted(names)
        if theirs.get(name) != ours.get(name) and name.partition(".")[0] not in one_sided
    ]


LISTED: Final = listed_differences()


@pytest.mark.parametrize("operation", SERVED)
def test_what_differs_from_the_vendors_description_is_listed_with_a_reason(operation: str) -> None:
    unexplained = [
        difference
        for difference in differences(operation)
        if not any(listed.covers(difference) for listed in LISTED)
    ]
    assert unexplained == []


@pytest.mark.parametrize("listed", LISTED, ids=[f"{one.where} {one.ours}" for one in LISTED])
def test_listed_difference_exists_and_has_a_reason(listed: Listed) -> None:
    assert len(listed.reason) > 20
    assert any(listed.covers(found) for one in SERVED for found in differences(one))


def test_operations_of_the_vendors_description_are_served() -> None:
    assert VENDOR.keys() <= OURS.keys()
    assert len(VENDOR) == 27


def test_every_object_of_the_facts_is_used() -> None:
    text = str({**TABLE["operations"], **TABLE["errors"], **TABLE["objects"]})
    used = set(re.findall(r"(?<!\w)@(\w+)", text))
    assert used == TABLE["objects"].keys()


def test_facts_of_a_schema() -> None:
    schemas: dict[str, Json] = {
        "A": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        "B": {"type": "object", "properties": {"b": {"enum": ["y", "x"]}}, "required": ["b"]},
    }
    both: Json = {"anyOf": [{"$ref": "A"}, {"$ref": "B"}]}
    assert flattened({"type": "array", "items": both}, schemas, "answer") == {
        "answer": "list of object",
        "answer.a": "string, optional",
        "answer.b": "one of x, y, optional",
    }
    nested: Json = {"type": "object", "properties": {"c": {"$ref": "A"}}, "required": ["c"]}
    assert flattened({"anyOf": [nested, {"$ref": "B"}]}, schemas, "answer") == {
        "answer": "object",
        "answer.c": "object, optional",
        "answer.c.a": "string",
        "answer.b": "one of x, y, optional",
    }
    words: Json = {"anyOf": [{"const": "b"}, {"enum": ["c", "a"]}, {"type": "null"}]}
    assert flattened(words, schemas, "word") == {"word": "one of a, b, c or null"}
    nullable: Json = {"type": ["string", "null"], "format": "uuid"}
    assert flattened(nullable, schemas, "id") == {"id": "uuid or null"}


def test_the_comparison_notices_another_type_and_a_missing_member() -> None:
    listed = Listed("* request.a", ABSENT, "string*", "for this test")
    assert listed.covers(Difference("POST /x request.a", ABSENT, "string, optional"))
    assert not listed.covers(Difference("POST /x request.ab", ABSENT, "string"))
    assert not listed.covers(Difference("POST /x request.a", "integer", "string"))
    nullable = Listed("*", "*, optional", "<theirs> or null, optional", "for this test")
    assert nullable.covers(Difference("a", "uuid, optional", "uuid or null, optional"))
    assert not nullable.covers(Difference("a", "uuid, optional", "string or null, optional"))
