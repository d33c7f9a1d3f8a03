"""JSON Schemas of answers: those that msgspec generates from types, and those of refusals.

A schema from msgspec describes what a parser accepts. Answers are narrower: they have no unknown
members, and they omit a member with a default instead of sending null.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from satmint.http.statuses import STATUS, plain_error
from satmint.model.refusals import Code

JsonSchema = dict[str, Any]

VALIDATION: Final = "ValidationErrors"
RATE_LIMIT: Final = "RateLimitErrors"

_REF: Final = "#/components/schemas/{name}"
_SEED: Final = re.compile(r" \(seeds? [^)]*\)")
"""References to sources in docstrings, which mean nothing to readers of the API."""


def reference(name: str) -> JsonSchema:
    """Return a reference to the schema `name`."""
    return {"$ref": _REF.format(name=name)}


def closed_object(properties: JsonSchema) -> JsonSchema:
    """Return the schema of an object with exactly these members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def answer_schemas(types: Iterable[Any]) -> tuple[tuple[JsonSchema, ...], dict[str, JsonSchema]]:
    """Return schemas of answers.

    Args:
        types: The msgspec types of the answers.

    Returns:
        A schema for each type, and the schemas that they reference, by name.
    """
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    return schemas, {name: _narrow(schema) for name, schema in components.items()}


def error_name(code: Code) -> str:
    """Return the name of the answer for a code with the form `{"error": …}`."""
    return _error_text(code).replace(" ", "")


def error_schema(code: Code) -> JsonSchema:
    """Return the schema of the answer `{"error": …}` for a code."""
    return closed_object({"error": {"type": "string", "const": _error_text(code)}})


def error_list_schemas() -> dict[str, JsonSchema]:
    """Return the schemas of the two kinds of answers that contain a list of errors."""
    validation = [code.value for code in Code if STATUS[code] == 422]
    return {
        VALIDATION: _error_list("validation_error", validation),
        RATE_LIMIT: _error_list("rate_limit_error", [Code.RATE_LIMIT_EXCEEDED.value]),
    }


def _error_text(code: Code) -> str:
    body: dict[str, str] = json.loads(plain_error(code).body)
    return body["error"]


def _error_list(kind: str, codes: list[str]) -> JsonSchema:
    field_error = closed_object(
        {
            "type": {"type": "string", "const": kind},
            "code": {"type": "string", "enum": codes, "description": "A stable error code."},
            "message": {"type": "string", "description": "A text for people; it may change."},
            "attribute": {
                "type": ["string", "null"],
                "description": "The parameter that caused the error, if there is one.",
            },
            "url": {"type": "string", "format": "uri", "description": "The page of the code."},
        }
    )
    return closed_object({"errors": {"type": "array", "minItems": 1, "items": field_error}})


def _narrow(schema: JsonSchema) -> JsonSchema:
    narrow = {key: value for key, value in schema.items() if key != "title"}
    if "description" in narrow:
        narrow["description"] = _SEED.sub("", narrow["description"])
    if "properties" in narrow:
        properties = narrow["properties"]
        narrow["properties"] = {name: _narrow_member(member) for name, member in properties.items()}
        narrow["additionalProperties"] = False
    if "enum" in narrow:
        narrow["type"] = "string"
    return narrow


def _narrow_member(schema: JsonSchema) -> JsonSchema:
    if "enum" in schema:
        numbers = all(isinstance(value, int) for value in schema["enum"])
        return {**schema, "type": "integer" if numbers else "string"}
    if "anyOf" not in schema:
        return schema
    kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
    if "default" in schema and len(kinds) == 1:
        only: JsonSchema = kinds[0]
        return only
    if len(kinds) == 1 and isinstance(kinds[0].get("type"), str):
        return {**kinds[0], "type": [kinds[0]["type"], "null"]}
    return schema
