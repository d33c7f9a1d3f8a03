"""An API description as a flat table of facts, so that two descriptions can be compared.

The facts of an operation are texts by name: `auth`, `path` (the types of its placeholders),
`query.<name>`, `request`, `request.<member>`, `status <n>`, `<n>.<member>`. A member's text is its
type, such as `list of uuid` or `string or null, optional`; `[]` in its name is an item of a list.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]
Facts = dict[str, str]
"""The facts of one operation."""

VENDOR: Final = Path(__file__).with_name("vendor_facts.toml")
METHODS: Final = ("get", "post", "put", "patch", "delete")
_FORMATS: Final = ("uuid", "jwt", "uri", "date-time")
_PLACEHOLDER: Final = re.compile(r"\{\w+\}")
_ONE_OF: Final = "one of "
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
    facts = {name: _joined(_kinds(schema, schemas))}
    alternatives = [_members(found, schemas, name) for found in _objects(schema, schemas)]
    for member in dict.fromkeys(name for members in alternatives for name in members):
        parent = member.rpartition(".")[0]
        texts = [members[member] for members in alternatives if member in members]
        # Some alternative has the object that the member is of, but not the member.
        is_lacking = any(
            member not in members and (parent == name or parent in members)
            for members in alternatives
        )
        is_optional = is_lacking or any(text.endswith(_OPTIONAL) for text in texts)
        kinds = _joined(text.removesuffix(_OPTIONAL) for text in texts)
        facts[member] = kinds + (_OPTIONAL if is_optional else "")
    return facts


def _joined(kinds: Iterable[str]) -> str:
    """Several kinds as one text, with the words of all sets of words in one."""
    found = dict.fromkeys(kinds)
    words = [kind.removeprefix(_ONE_OF).split(", ") for kind in found if kind.startswith(_ONE_OF)]
    one_of = (
        [f"{_ONE_OF}{', '.join(sorted({word for one in words for word in one}))}"] if words else []
    )
    return " or ".join([*one_of, *(kind for kind in found if not kind.startswith(_ONE_OF))])


def _operation_facts(document: Json, path: str, operation: Json) -> Facts:
    schemas = document["components"]["schemas"]
    parameters = operation.get("parameters", ())
    kinds = [
        _joined(_kinds(parameter["schema"], schemas))
        for parameter in parameters
        if parameter["in"] == "path"
    ]
    facts = {"auth": _auth(operation["security"]), **_path(path, kinds)}
    for parameter in parameters:
        if parameter["in"] != "path":
            kind = _joined(_kinds(parameter["schema"], schemas))
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
            yield f"{_ONE_OF}{one['const']}"
        elif "enum" in one:
            yield f"{_ONE_OF}{', '.join(str(word) for word in one['enum'] if word is not None)}"
        elif one["type"] == "array":
            yield f"list of {_joined(_kinds(one['items'], schemas))}"
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
    if text.startswith(_ONE_OF):
        return {"enum": text.removeprefix(_ONE_OF).split(", ")}
    if text.startswith("@"):
        return {"$ref": text.removeprefix("@")}
    return {"type": "string", "format": text} if text in _FORMATS else {"type": text}
