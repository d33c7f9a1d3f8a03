"""JSON Schemas of what is answered: the shown values as msgspec describes them, and the refusals.

What msgspec writes tells how a value may be read. An answer is narrower: it has no other members,
and a member that has a default is left out instead of being null.
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
"""Docstrings say where a fact is from; to a reader of the API that means nothing."""


def reference(name: str) -> JsonSchema:
    """A pointer to the schema of that name."""
    return {"$ref": _REF.format(name=name)}


def closed(properties: JsonSchema) -> JsonSchema:
    """An object with exactly these members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def answer_schemas(types: Iterable[Any]) -> tuple[tuple[JsonSchema, ...], dict[str, JsonSchema]]:
    """Schemas of answers.

    Args:
        types: The msgspec types of the answers.

    Returns:
        A schema for each type, and what they point to, by name.
    """
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    return schemas, {name: _narrowed(schema) for name, schema in components.items()}


def error_name(code: Code) -> str:
    """The name of the answer for a code that is told in one sentence."""
    return _sentence(code).replace(" ", "")


def error_schema(code: Code) -> JsonSchema:
    """`{"error": …}` as it stands in the table of statuses."""
    return closed({"error": {"type": "string", "const": _sentence(code)}})


def faults_schemas() -> dict[str, JsonSchema]:
    """The two kinds of answer that list faults."""
    validation = [code.value for code in Code if STATUS[code] == 422]
    return {
        VALIDATION: _faults("validation_error", validation),
        RATE_LIMIT: _faults("rate_limit_error", [Code.RATE_LIMIT_EXCEEDED.value]),
    }


def _sentence(code: Code) -> str:
    body: dict[str, str] = json.loads(plain_error(code).body)
    return body["error"]


def _faults(kind: str, codes: list[str]) -> JsonSchema:
    fault = closed(
        {
            "type": {"type": "string", "const": kind},
            "code": {"type": "string", "enum": codes, "description": "Stable; for programs."},
            "message": {"type": "string", "description": "For people; may change."},
            "attribute": {
                "type": ["string", "null"],
                "description": "The parameter at fault, where it is about one.",
            },
            "url": {"type": "string", "format": "uri", "description": "A page about the code."},
        }
    )
    return closed({"errors": {"type": "array", "minItems": 1, "items": fault}})


def _narrowed(schema: JsonSchema) -> JsonSchema:
    narrow = {key: value for key, value in schema.items() if key != "title"}
    if "description" in narrow:
        narrow["description"] = _SEED.sub("", narrow["description"])
    if "properties" in narrow:
        properties = narrow["properties"]
        narrow["properties"] = {name: _member(member) for name, member in properties.items()}
        narrow["additionalProperties"] = False
    if "enum" in narrow:
        narrow["type"] = "string"
    return narrow


def _member(schema: JsonSchema) -> JsonSchema:
    if "enum" in schema:
        return {**schema, "type": "string"}
    if "anyOf" not in schema:
        return schema
    kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
    if "default" in schema and len(kinds) == 1:
        only: JsonSchema = kinds[0]
        return only
    if len(kinds) == 1 and isinstance(kinds[0].get("type"), str):
        return {**kinds[0], "type": [kinds[0]["type"], "null"]}
    return schema
