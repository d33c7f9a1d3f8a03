"""How the schemas that msgspec derives are narrowed to what the API really sends."""

import pytest

from satmint.http.openapi_schemas import JsonSchema, _narrow_member

STRING: JsonSchema = {"type": "string"}
NULL: JsonSchema = {"type": "null"}
REFERENCE: JsonSchema = {"$ref": "#/components/schemas/Address"}


@pytest.mark.parametrize(
    ("derived", "narrow"),
    [
        (STRING, STRING),
        ({"enum": ["a", "b"]}, {"enum": ["a", "b"], "type": "string"}),
        ({"enum": [20, 30]}, {"enum": [20, 30], "type": "integer"}),
        # A member with a default is left out, and is never null.
        ({"anyOf": [STRING, NULL], "default": None}, STRING),
        ({"anyOf": [REFERENCE, NULL], "default": None}, REFERENCE),
        # A member without one is always there.
        ({"anyOf": [STRING, NULL]}, {"type": ["string", "null"]}),
        ({"anyOf": [REFERENCE, NULL]}, {"anyOf": [REFERENCE, NULL]}),
        ({"anyOf": [STRING, REFERENCE, NULL]}, {"anyOf": [STRING, REFERENCE, NULL]}),
        (
            {"anyOf": [STRING, REFERENCE, NULL], "default": None},
            {"anyOf": [STRING, REFERENCE, NULL], "default": None},
        ),
    ],
)
def test_member_is_narrowed(derived: JsonSchema, narrow: JsonSchema) -> None:
    assert _narrow_member(derived) == narrow
