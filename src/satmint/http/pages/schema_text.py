"""JSON Schemas as readable text: a list of members, each with its type and its rules."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from satmint.http.body_schema import JsonSchema


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a body, or a parameter."""

    name: str
    """The path of a nested member: `data[].id`."""
    type: str
    required: bool
    rules: tuple[str, ...] = ()
    """Constraints, in which backticks mark code."""
    description: str = ""


def members_of(
    schema: JsonSchema, schemas: Mapping[str, JsonSchema], prefix: str = ""
) -> Iterator[Member]:
    """Return the members of an object and of all nested objects, depth first.

    Args:
        schema: A JSON Schema from this server's OpenAPI document.
        schemas: The schemas that its references name.
        prefix: The path of the object, which the names of its members start with.
    """
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        found = resolve(member, schemas)
        yield Member(
            prefix + name,
            type_text(found),
            name in required,
            tuple(rules_of(found)),
            member.get("description", ""),
        )
        if "items" in found:
            yield from members_of(resolve(found["items"], schemas), schemas, f"{prefix}{name}[].")
        else:
            yield from members_of(found, schemas, f"{prefix}{name}.")


def resolve(schema: JsonSchema, schemas: Mapping[str, JsonSchema]) -> JsonSchema:
    """Resolve the reference that `schema` is, or that is the schema of its items."""
    if "$ref" in schema:
        return schemas[schema["$ref"].rpartition("/")[2]]
    if "$ref" in schema.get("items", {}):
        return {**schema, "items": resolve(schema["items"], schemas)}
    return schema


def without_null(schema: JsonSchema) -> JsonSchema:
    """Return a schema that accepts the same values except null."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [kind for kind in schema["anyOf"] if kind != {"type": "null"}]}
    if isinstance(schema.get("type"), list):
        return {**schema, "type": [kind for kind in schema["type"] if kind != "null"]}
    return schema


def type_text(schema: JsonSchema) -> str:
    """Return the type as text: `string, uuid`, `list of strings`, `integer or null`."""
    if "anyOf" in schema:
        return " or ".join(type_text(kind) for kind in schema["anyOf"])
    kinds = schema.get("type", "any")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    text = " or ".join(
        f"list of {_plural(schema['items'])}" if kind == "array" else kind for kind in kinds
    )
    return f"{text}, {schema['format']}" if "format" in schema else text


def rules_of(schema: JsonSchema) -> Iterator[str]:
    """Return the constraints of a value, in addition to its type."""
    if "anyOf" in schema:
        yield from rules_of(schema["anyOf"][0])
    if "const" in schema:
        yield f"`{schema['const']}`"
    if "enum" in schema:
        yield f"one of {_join_words(word for word in schema['enum'] if word is not None)}"
    yield from _range(schema.get("minLength"), schema.get("maxLength"), "characters")
    yield from _range(schema.get("minItems"), schema.get("maxItems"), "items")
    yield from _range(schema.get("minimum"), schema.get("maximum"), "")
    if "pattern" in schema:
        yield f"matches `{schema['pattern']}`"
    if "items" in schema:
        yield from (f"each {rule}" for rule in rules_of(schema["items"]))
    if "default" in schema:
        yield f"`{schema['default']}` by default"


def _range(low: int | None, high: int | None, unit: str) -> Iterator[str]:
    if low is not None and high is not None:
        yield f"{low} to {high} {unit}".rstrip()
    elif high is not None:
        yield f"at most {high} {unit}".rstrip()
    elif low is not None:
        yield f"at least {low} {unit}".rstrip()


def _plural(schema: JsonSchema) -> str:
    kind, comma, form = type_text(schema).partition(", ")
    return f"{kind}s{comma}{form}"


def _join_words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
