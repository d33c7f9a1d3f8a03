"""Bodies against their schemas: every error is reported, and nothing invalid is handed on."""

from typing import Any, cast

import pytest

from satmint.http.body_schema import (
    BodySchema,
    ChoiceSchema,
    Field,
    InvalidValue,
    JsonSchema,
    Members,
    ReadContext,
    label,
)
from satmint.model.refusals import Code

CONTEXT = cast("ReadContext", None)


class Positive(Field[int]):
    """A field of these tests."""

    def read(self, value: object, context: ReadContext) -> int:  # noqa: ARG002 - as declared
        if not isinstance(value, int) or value <= 0:
            raise InvalidValue(Code.INVALID_PARAMETER, "must be positive")
        return value * 10

    def schema(self) -> JsonSchema:
        return {"type": "integer"}


SIZE = Positive(name="page_size", doc="The size.", required=True)
COUNT = Positive(name="count", doc="The count.")
MORE = Positive(name="more", doc="More.")
FIELDS = (SIZE, COUNT, MORE)
SCHEMA: BodySchema[Members] = BodySchema("S", FIELDS, lambda members: members)
CHOICE: ChoiceSchema[Members] = ChoiceSchema(
    "C",
    (COUNT, MORE, Positive(name="other", doc="Another.")),
    lambda members: members,
    one_of=("count", "more"),
    exclusive=("count", "more", "other"),
)


Error = tuple[str, str, str | None]
"""Code, message and name of a member."""


def errors_of(schema: BodySchema[Any], body: dict[str, object]) -> list[Error]:
    _, errors = schema.read(body, CONTEXT)
    return [(error.code.name, error.message, error.attribute) for error in errors]


def test_valid_members_are_converted_and_absent_ones_are_none() -> None:
    members, errors = SCHEMA.read({"page_size": 1, "more": 3}, CONTEXT)
    assert errors == []
    assert (members[SIZE], members.get(COUNT), members.get(MORE)) == (10, None, 30)
    assert (members.get_by_name("more"), members.get_by_name("count")) == (30, None)
    with pytest.raises(KeyError):
        members[COUNT]
    assert repr(members) == "Members(hidden)"


def test_every_error_is_reported_in_the_order_of_the_fields() -> None:
    body: dict[str, object] = {"coumt": 1, "more": 0, "x" * 70: 1}
    members, _ = SCHEMA.read(body, CONTEXT)
    assert members.get(MORE) is None
    assert errors_of(SCHEMA, body) == [
        ("MISSING_REQUIRED_PARAMETER", "Required parameter is missing", "page_size"),
        ("INVALID_PARAMETER", "More must be positive", "more"),
        (
            "INVALID_PARAMETER",
            "Coumt is not a known parameter; did you mean count?",
            "coumt",
        ),
        ("INVALID_PARAMETER", f"X{'x' * 63} is not a known parameter", "x" * 64),
    ]


def test_null_is_a_value_of_a_required_member_and_none_of_an_optional_one() -> None:
    assert errors_of(SCHEMA, {"page_size": None, "more": None}) == [
        ("INVALID_PARAMETER", "Page Size must be positive", "page_size")
    ]
    given = {"page_size": 1, "count": 2, "more": None}
    assert SCHEMA.given(given) == {"page_size": 1, "count": 2}


def test_invalid_value_says_why() -> None:
    assert str(InvalidValue(Code.INVALID_PARAMETER, "must be positive")) == "must be positive"


@pytest.mark.parametrize("count", [15, 16, 17])
def test_sixteen_unknown_members_are_listed(count: int) -> None:
    body: dict[str, object] = {"page_size": 1, **{f"zzzz{number}": 1 for number in range(count)}}
    assert [name for _, _, name in errors_of(SCHEMA, body)] == [
        f"zzzz{number}" for number in range(min(count, 16))
    ]


def test_schema_is_a_closed_object() -> None:
    assert SCHEMA.name == "S"
    assert SCHEMA.schema() == {
        "type": "object",
        "properties": {
            "page_size": {"type": "integer", "description": "The size."},
            "count": {"type": ["integer", "null"], "description": "The count."},
            "more": {"type": ["integer", "null"], "description": "More."},
        },
        "required": ["page_size"],
        "additionalProperties": False,
    }


def test_label_is_the_name_in_words() -> None:
    assert label("expire_at") == "Expire At"


NONE_OF = ("MISSING_REQUIRED_PARAMETER", "Required parameter is missing: one of count, more", None)


def beside(name: str, first: str) -> tuple[str, str, str]:
    message = f"{label(name)} cannot be combined with {first}"
    return "INVALID_PARAMETER", message, name


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ("", [NONE_OF]),
        ("count", []),
        ("more", []),
        ("other", [NONE_OF]),
        ("more count", [beside("more", "count")]),
        ("other more", [beside("other", "more")]),
        ("count more other", [beside("more", "count"), beside("other", "count")]),
    ],
)
def test_one_of_several_members_is_given_and_no_two(given: str, errors: list[Error]) -> None:
    found = errors_of(CHOICE, dict.fromkeys(given.split(), 1))
    assert [(code, message, name or None) for code, message, name in found] == errors


def test_null_is_no_member_where_members_are_combined() -> None:
    assert errors_of(CHOICE, {"count": 1, "more": None, "other": None}) == []
    assert errors_of(CHOICE, {"count": None}) == [NONE_OF]


@pytest.mark.parametrize(
    ("schema", "nullable"),
    [
        ({"type": "string", "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        (
            {"anyOf": [{"type": "string"}, {"type": "array"}]},
            {"anyOf": [{"type": "string"}, {"type": "array"}, {"type": "null"}]},
        ),
    ],
)
def test_schema_of_an_optional_member_accepts_null(
    schema: JsonSchema, nullable: JsonSchema
) -> None:
    class Described(Positive):
        def schema(self) -> JsonSchema:
            return schema

    field = Described(name="kind", doc="The kind.")
    described = BodySchema("D", (field,), lambda members: members).schema()
    assert described["properties"]["kind"] == {**nullable, "description": "The kind."}
