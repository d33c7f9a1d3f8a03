"""Example values, generated from JSON Schemas so that they cannot contain unknown members."""

from collections.abc import Mapping
from typing import Final

from satmint.http.body_schema import JsonSchema

_SUBSCRIBER: Final = "3f0a1c1e-6d5b-4f0e-9c59-0d6a3b1f7c21"
_PROJECT: Final = "7d1b7a3e-2f6c-4a8e-8d52-5f0c9e4b6a10"
EXAMPLE_ADDRESS: Final = "b2f4c6d8-1a3e-4c5b-9e7d-6f8a0b2c4d6e"
_ID: Final = "9c8b7a6f-5e4d-4c3b-a2f1-0e9d8c7b6a5f"
_THUMBPRINT: Final = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
_LATER: Final = 2_000_000_000

_BY_NAME: Final[Mapping[str, object]] = {
    "address": "203.0.113.7",
    "address_id": EXAMPLE_ADDRESS,
    "agent": "my-backend/1.0",
    "allowed_addresses": EXAMPLE_ADDRESS,
    "cause": "",
    "channels": {
        "audio": "/public/support?channel=audio",
        "video": "/public/support?channel=video",
    },
    "company_name": "Example Ltd",
    "context": "public",
    "country": "NL",
    "cover_url": "https://example.com/support.png",
    "disabled_at": None,
    "display_name": "Alice",
    "dpop_token": "eyJ0eXAiOiJkcG9wK2p3dCI….….…",
    "email": "alice@example.com",
    "exp": _LATER,
    "expire_at": _LATER,
    "expire_in": 900,
    "expires_at": _LATER,
    "expires_in": 873,
    "fingerprint": _THUMBPRINT,
    "first_name": "Alice",
    "iat": _LATER - 7200,
    "iss": "satmint",
    "jkt": _THUMBPRINT,
    "job_title": "Engineer",
    "jti": "5d0f6c8e-1b2a-5c3d-8e4f-7a6b5c4d3e2f",
    "kind": "subscriber",
    "last_name": "Liddell",
    "locked": False,
    "name": "support",
    "origins": "https://www.example.com",
    "password": "correct horse battery",
    "permissions": "calling",
    "preview_url": "https://example.com/support-small.png",
    "project_id": _PROJECT,
    "push_notification_key": None,
    "reference": "alice@example.com",
    "refresh_token": "eyJhbGciOiJkaXIi…..….….…",
    "region": "us-central",
    "request_id": "0a1b2c3d4e5f60718293a4b5",
    "revoked_at": None,
    "scope": "sat:refresh",
    "status": "ok",
    "sub": _SUBSCRIBER,
    "subject_id": None,
    "subscriber_id": _SUBSCRIBER,
    "time_zone": "Europe/Amsterdam",
    "timezone": "Europe/Amsterdam",
    "token": "eyJhbGciOiJkaXIi…..….….…",
    "token_type": "SAT",
    "type": "room",
}
"""The example for a member by its name, or for one item if the member is a list."""

_BY_SCHEMA_MEMBER: Final[Mapping[tuple[str, str], object]] = {
    ("AddressAnswer", "display_name"): "Support",
    ("AddressCreateRequest", "display_name"): "Support",
    ("AddressUpdateRequest", "display_name"): "Support",
    ("ApiTokenAnswer", "name"): "my backend",
    ("ApiTokenAnswer", "token"): "PT…",
    ("ApiTokenUseAnswer", "name"): "my backend",
    ("ApiTokenUseAnswer", "token"): "PTd49e…2be",
    ("C2cTokenAnswer", "name"): "shop window",
    ("C2cTokenCreateRequest", "name"): "shop window",
    ("EmbedTokenRequest", "token"): "c2c_…",
    ("EventAnswer", "kind"): "refreshed",
    ("NewC2cTokenAnswer", "name"): "shop window",
    ("NewC2cTokenAnswer", "token"): "c2c_…",
    ("ProjectTokenCreateRequest", "name"): "my backend",
    ("ProjectTokenUpdateRequest", "name"): "my backend",
}
"""Examples that take precedence over `_BY_NAME`, by schema and member."""

_BY_FORMAT: Final[Mapping[str, object]] = {
    "uuid": _ID,
    "date-time": "2026-01-31T09:30:00Z",
    "uri": "https://sat.example.com/api",
}
_BY_TYPE: Final[Mapping[str, object]] = {
    "string": "…",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "null": None,
    "object": {},
}
_PYTHON: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "object": dict,
    "array": list,
}


def answer_example(schema: JsonSchema, schemas: Mapping[str, JsonSchema]) -> object:
    """Return an example of `schema` with every member.

    Args:
        schema: A JSON Schema from this server's OpenAPI document.
        schemas: The schemas that its references name.
    """
    return _ExampleBuilder(schemas).build(schema)


def request_example(name: str, schema: JsonSchema) -> dict[str, object]:
    """Return a minimal body: the required members or, if there are none, the first member.

    Args:
        name: The name of the schema.
        schema: The JSON Schema of an object, without references.
    """
    properties: Mapping[str, JsonSchema] = schema["properties"]
    members = schema["required"] or list(properties)[:1]
    builder = _ExampleBuilder({})
    return {member: builder.member(name, member, properties[member]) for member in members}


class _ExampleBuilder:
    def __init__(self, schemas: Mapping[str, JsonSchema]) -> None:
        self._schemas = schemas

    def build(self, schema: JsonSchema, name: str = "") -> object:
        """Return an example of `schema`; `name` is the schema's name, if it has one."""
        if "$ref" in schema:
            referenced = schema["$ref"].rpartition("/")[2]
            return self.build(self._schemas[referenced], referenced)
        if "anyOf" in schema:
            return self.build(schema["anyOf"][0])
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        kind = _types(schema)[0]
        if kind == "array":
            return [self.build(schema["items"])]
        if "properties" in schema:
            properties = schema["properties"].items()
            return {member: self.member(name, member, found) for member, found in properties}
        return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE[kind])

    def member(self, owner: str, name: str, schema: JsonSchema) -> object:
        """Return the example of a member: the one for its name, if it matches the schema."""
        candidate = _BY_SCHEMA_MEMBER.get((owner, name), _BY_NAME.get(name, self))
        if self._matches(candidate, schema):
            return candidate
        if "array" in _types(schema) and self._matches(candidate, schema["items"]):
            return [candidate]
        return self.build(schema)

    def _matches(self, value: object, schema: JsonSchema) -> bool:
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            return any(self._matches(value, kind) for kind in schema["anyOf"])
        if "const" in schema:
            return bool(value == schema["const"])
        if "enum" in schema:
            return value in schema["enum"]
        return any(
            isinstance(value, _PYTHON[kind]) and isinstance(value, bool) == (kind == "boolean")
            for kind in _types(schema)
        )


def _types(schema: JsonSchema) -> list[str]:
    kind = schema.get("type", [])
    return [kind] if isinstance(kind, str) else kind
