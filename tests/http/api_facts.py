"""An API description as a flat table of facts, so that two descriptions can be compared.

The facts of an operation are texts by name: `auth`, `path` (the types of its placeholders),
`query.<name>`, `request`, `request.<member>`, `status <n>`, `<n>.<member>`. A member's text is its
type, such as `list of uuid` or `string or null, optional`; `[]` in its name is an item of a list.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]
Facts = dict[str, str]
"""The facts of one operation."""

VENDOR: Final = Path(__file__).with_name("vendor_facts.toml")
METHODS: Final = ("get", "post", "put", "patch", "delete")
_FORMATS: Final = ("uuid", "jwt", "uri", "date-time")
_PLACEHOLDER: Final = re.compile(r"\{\w+\}")
_OPTIONAL: Final = ", optional"


def vendor_facts(table: Json) -> dict[str, Facts]:
    """The vendor's operations, `<method> <path>`, with their facts.

    Args:
        table: The content of `VENDOR`.
    """
    schemas = {name: _object(members) for name, members in table["objects"].items()}
    found = {}
    for operation, stated in table["operations"].items():
        facts = {"auth": stated["auth"], **_path(operation, ["uuid"] * operation.count("{"))}
        if "request" in stated:
            facts |= flattened(_schema(stated["request"]), schemas, "request")
        facts[f"status {stated['status']}"] = "stated"
        if "answer" in stated:
            facts |= flattened(_schema(stated["answer"]), schemas, str(stated["status"]))
        for status in stated["errors"]:
            facts[f"status {status}"] = "stated"
            facts |= flattened(_schema(table["errors"][str(status)]), schemas, str(status))
        found[plain_path(operation)] = facts
    return found


def read_vendor_table() -> Json:
    """The content of `VENDOR`."""
    return tomllib.loads(VENDOR.read_text())


def document_facts(document: Json) -> dict[str, Facts]:
    """The operations of an OpenAPI document, `<method> <path>`, with their facts."""
    return {
        plain_path(f"{method.upper()} {path}"): _operation_facts(document, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def plain_path(operation: str) -> str:
    """An operation without the names of its placeholders, which do not reach the wire."""
    return _PLACEHOLDER.sub("{}", operation)


def flattened(schema: Json, schemas: Mapping[str, Json], name: str) -> Facts:
    """The facts of a value called `name`, and of its members."""
    facts = {name: " or ".join(dict.fromkeys(_kinds(schema, schemas)))}
    alternatives = [_members(found, schemas, name) for found in _objects(schema, schemas)]
    for member in dict.fromkeys(name for members in alternatives for name in members):
        texts = [members[member] for members in alternatives if member in members]
        kinds = dict.fromkeys(text.removesuffix(_OPTIONAL) for text in texts)
        is_optional = len(texts) < len(alternatives) or any(t.endswith(_OPTIONAL) for t in texts)
        facts[member] = " or ".join(kinds) + (_OPTIONAL if is_optional else "")
    return facts


def _operation_facts(document: Json, path: str, operation: Json) -> Facts:
    schemas = document["components"]["schemas"]
    parameters = operation.get("parameters", ())
    kinds = [
        " or ".join(_kinds(parameter["schema"], schemas))
        for parameter in parameters
        if parameter["in"] == "path"
    ]
    facts = {"auth": _auth(operation["security"]), **_path(path, kinds)}
    for parameter in parameters:
        if parameter["in"] != "path":
            kind = " or ".join(_kinds(parameter["schema"], schemas))
            facts[f"{parameter['in']}.{parameter['name']}"] = kind
    if "requestBody" in operation:
        facts |= flattened(_content(operation["requestBody"]), schemas, "request")
    for status, pointer in operation["responses"].items():
        name = pointer.get("$ref", "").rpartition("/")[2]
        response = document["components"]["responses"][name] if name else pointer
        facts[f"status {status}"] = "stated"
        if "content" in response:
            facts |= flattened(_content(response), schemas, status)
    return facts


def _auth(security: list[Json]) -> str:
    schemes = {"subscriber_token": "bearer", "bound_token": "dpop", "api_token": "basic"}
    names = dict.fromkeys(schemes[name] for one in security for name in one)
    return " or ".join(names) or "none"


def _path(operation: str, kinds: list[str]) -> Facts:
    return {"path": ", ".join(kinds)} if "{" in operation else {}


def _content(body: Json) -> Json:
    (content,) = body["content"].values()
    schema: Json = content["schema"]
    return schema


def _members(schema: Json, schemas: Mapping[str, Json], prefix: str) -> Facts:
    facts: Facts = {}
    for name, member in schema.get("properties", {}).items():
        found = flattened(member, schemas, f"{prefix}.{name}")
        if name not in schema.get("required", ()):
            found[f"{prefix}.{name}"] += _OPTIONAL
        facts |= found
    return facts


def _alternatives(schema: Json, schemas: Mapping[str, Json]) -> Iterator[Json]:
    """The schemas, without references, of which a value fits one."""
    if "$ref" in schema:
        yield from _alternatives(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _alternatives(one, schemas)
    elif isinstance(schema.get("type"), list):
        for kind in schema["type"]:
            yield {"type": "null"} if kind == "null" else {**schema, "type": kind}
    else:
        yield schema


def _objects(schema: Json, schemas: Mapping[str, Json]) -> Iterator[Json]:
    for one in _alternatives(schema, schemas):
        if one.get("type") == "array":
            yield from _objects(one["items"], schemas)
        elif "properties" in one:
            yield one


def _kinds(schema: Json, schemas: Mapping[str, Json]) -> Iterator[str]:
    for one in _alternatives(schema, schemas):
        if "const" in one:
            yield f"one of {one['const']}"
        elif "enum" in one:
            words = sorted(str(word) for word in one["enum"] if word is not None)
            yield f"one of {', '.join(words)}"
        elif one["type"] == "array":
            yield f"list of {' or '.join(dict.fromkeys(_kinds(one['items'], schemas)))}"
        else:
            yield one["format"] if one.get("format") in _FORMATS else one["type"]


def _object(members: Mapping[str, str]) -> Json:
    return {
        "type": "object",
        "properties": {name.removesuffix("?"): _schema(kind) for name, kind in members.items()},
        "required": [name for name in members if not name.endswith("?")],
    }


def _schema(text: str) -> Json:
    """The JSON Schema of a type in `VENDOR`."""
    if text.startswith("list of "):
        return {"type": "array", "items": _schema(text.removeprefix("list of "))}
    alternatives = text.split(" or ")
    if len(alternatives) > 1:
        return {"anyOf": [_schema(one) for one in alternatives]}
    if text.startswith("one of "):
        return {"enum": text.removeprefix("one of ").split(", ")}
    if text.startswith("@"):
        return {"$ref": text.removeprefix("@")}
    return {"type": "string", "format": text} if text in _FORMATS else {"type": text}
