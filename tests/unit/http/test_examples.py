"""Examples that are built from schemas: each fits its schema, and the known name of a member."""

from typing import Any, Final

import pytest

from satmint.http.body_schema import JsonSchema
from satmint.http.examples import answer_example, request_example

STRING: Final[JsonSchema] = {"type": "string"}
INTEGER: Final[JsonSchema] = {"type": "integer"}
NULL: Final[JsonSchema] = {"type": "null"}
SCHEMAS: Final[dict[str, JsonSchema]] = {
    "Word": STRING,
    "Number": INTEGER,
    "AddressAnswer": {"type": "object", "properties": {"display_name": STRING}},
}


def reference(name: str) -> JsonSchema:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        (STRING, "…"),
        (INTEGER, 1),
        ({"type": "number"}, 1.5),
        ({"type": "boolean"}, True),
        (NULL, None),
        ({"type": "object"}, {}),
        ({"type": ["string", "null"]}, "…"),
        ({"type": "string", "format": "date-time"}, "2026-01-31T09:30:00Z"),
        ({"type": "string", "format": "jwt"}, "…"),
        ({"type": "string", "const": "SAT"}, "SAT"),
        ({"type": "string", "enum": ["a", "b"]}, "a"),
        ({"anyOf": [INTEGER, STRING]}, 1),
        ({"type": "array", "items": INTEGER}, [1]),
        (reference("Word"), "…"),
        ({"type": "array", "items": reference("Number")}, [1]),
        ({"type": "object", "properties": {"a": STRING, "b": INTEGER}}, {"a": "…", "b": 1}),
    ],
)
def test_example_fits_its_schema(schema: JsonSchema, example: object) -> None:
    assert answer_example(schema, SCHEMAS) == example


def member_example(name: str, schema: JsonSchema) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The example of a member of an object."""
    found = answer_example({"type": "object", "properties": {name: schema}}, SCHEMAS)
    assert isinstance(found, dict)
    return found[name]


@pytest.mark.parametrize(
    ("name", "schema", "example"),
    [
        ("expires_in", INTEGER, 873),
        ("expires_in", {"type": "number"}, 873),
        ("context", STRING, "public"),
        ("context", {"type": ["string", "null"]}, "public"),
        ("context", reference("Word"), "public"),
        ("context", {"anyOf": [INTEGER, STRING]}, "public"),
        ("disabled_at", {"anyOf": [STRING, NULL]}, None),
        ("disabled_at", {"type": ["string", "null"]}, None),
        ("locked", {"type": "boolean"}, False),
        ("kind", {"enum": ["guest", "subscriber"], "type": "string"}, "subscriber"),
        ("token_type", {"type": "string", "const": "SAT"}, "SAT"),
        (
            "channels",
            {"type": "object"},
            {
                "audio": "/public/support?channel=audio",
                "video": "/public/support?channel=video",
            },
        ),
        ("permissions", {"type": "array", "items": STRING}, ["calling"]),
        ("permissions", {"type": ["array", "null"], "items": STRING}, ["calling"]),
        ("permissions", {"type": "array", "items": reference("Word")}, ["calling"]),
    ],
)
def test_member_has_the_example_of_its_name(name: str, schema: JsonSchema, example: object) -> None:
    assert member_example(name, schema) == example


@pytest.mark.parametrize(
    ("name", "schema", "example"),
    [
        ("unheard_of", STRING, "…"),
        ("expires_in", STRING, "…"),
        ("expires_in", {"type": "boolean"}, True),
        ("locked", INTEGER, 1),
        ("locked", {"type": "number"}, 1.5),
        ("context", INTEGER, 1),
        ("context", reference("Number"), 1),
        ("context", {"anyOf": [INTEGER, NULL]}, 1),
        ("kind", {"enum": ["guest", "invite"], "type": "string"}, "guest"),
        ("token_type", {"type": "string", "const": "DPoP"}, "DPoP"),
        ("permissions", {"type": "array", "items": INTEGER}, [1]),
    ],
)
def test_example_of_a_name_is_not_taken_where_it_does_not_fit(
    name: str, schema: JsonSchema, example: object
) -> None:
    found = member_example(name, schema)
    assert (found, type(found)) == (example, type(example))


def test_example_of_a_member_of_a_schema_goes_before_that_of_its_name() -> None:
    assert answer_example(reference("AddressAnswer"), SCHEMAS) == {"display_name": "Support"}
    assert member_example("display_name", STRING) == "Alice"


def test_request_has_the_required_members_alone() -> None:
    properties = {"reference": STRING, "expire_in": INTEGER, "scope": STRING}
    schema = {"type": "object", "properties": properties, "required": ["reference", "scope"]}
    assert request_example("Some", schema) == {
        "reference": "alice@example.com",
        "scope": "sat:refresh",
    }


def test_request_without_required_members_has_the_first() -> None:
    properties = {"expire_in": INTEGER, "reference": STRING}
    schema = {"type": "object", "properties": properties, "required": []}
    assert request_example("Some", schema) == {"expire_in": 900}
    project_token = {"type": "object", "properties": {"name": STRING}, "required": ["name"]}
    assert request_example("ProjectTokenCreateRequest", project_token) == {"name": "my backend"}
