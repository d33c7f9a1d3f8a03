"""OpenAPI 3.1, made from the same table that routes, guards and reads requests.

It says exactly what the server does: every status, every header that an answer carries, and closed
bodies in both directions. The reference page is rendered from it and from nothing else.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from satmint import __version__
from satmint.flows.proving import PROOF_CAUSES
from satmint.http.explanations import EXPLANATIONS
from satmint.http.openapi_schemas import (
    RATE_LIMIT,
    VALIDATION,
    answer_schemas,
    error_name,
    error_schema,
    faults_schemas,
    reference,
)
from satmint.http.operations import Admits, Operation
from satmint.http.shapes import JsonSchema, Shape
from satmint.http.statuses import STATUS
from satmint.model.refusals import Code

CODES: Final = "x-satmint-codes"
"""The member of an answer that lists the codes which it can carry."""

_JSON: Final = "application/json"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")

_BODY_CODES: Final = frozenset(
    {
        Code.INVALID_PARAMETER,
        Code.NOT_A_VALID_JSON,
        Code.PAYLOAD_TOO_LARGE,
        Code.REQUEST_TIMEOUT,
        Code.UNAVAILABLE,
    }
)
_ANY_JSON: Final = {_JSON: {"type": "object"}, "text/plain": {"type": "string"}}
"""What an answer is of which no type is known, by media type."""

_HEADERS: Final = {
    "X-Request-Id": {
        "description": (
            "What the server calls this request in its log and its audit trail: the caller's own"
            " `X-Request-Id` if that is 1 to 64 letters, digits, dots, underscores and hyphens."
        ),
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    "WWW-Authenticate": {
        "description": "Which credentials are taken (RFC 9110, section 11.6.1).",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds until trying again can succeed.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "Cache-Control": {
        "description": "The answer holds a secret.",
        "required": True,
        "schema": {"type": "string", "const": "no-store"},
    },
    "X-Satmint-Cause": {
        "description": (
            "Where a proof of possession was refused: the check that it did not stand. Where that"
            " was the time, `skew` says by how many seconds the proof was ahead (behind: below 0)."
        ),
        "required": False,
        "schema": {
            "type": "string",
            "pattern": f"^({'|'.join(PROOF_CAUSES)})(; skew=-?[0-9]+)?$",
        },
    },
    "DPoP-Nonce": {
        "description": (
            "For the next proof, where the project asks for nonces (RFC 9449, section 8)."
        ),
        "required": False,
        "schema": {"type": "string"},
    },
}
_PROOF_HEADERS: Final = ("X-Satmint-Cause", "DPoP-Nonce")
"""Beside the others, of answers to who has to prove possession of a key."""
_HEADERS_OF: Final = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
"""Headers of refusals, beside the one that answers carry."""
_UNNAMED: Final = frozenset({408})
"""Refused before the request is whole, so before it has an id."""

_TAGS: Final = {
    "Tokens": (
        "Tokens for subscribers, guests, invitees and visitors, and the exchange of a refresh"
        " token for a new pair."
    ),
    "Client Bound SAT": (
        "For browsers: short-lived SATs that are had for a proof of possession of a key which never"
        " leaves the browser (RFC 9449)."
    ),
    "Subscriber": "What the holder of a token learns about itself.",
    "Subscribers": "Those who can hold a token, as a resource.",
    "Addresses": "What can be reached, for holders and backends to read.",
    "Project tokens": "The API tokens of a project.",
    "Management": (
        "Beyond the vendor's API: sessions, introspection, revocation, addresses, Click-to-Call"
        " tokens and the audit trail."
    ),
    "Health": "For probes and for Prometheus.",
    "Reference": "The description of all this.",
    "Development": "What a development server can be told to do wrong. In production, nothing.",
}

_SECURITY_SCHEMES: Final = {
    "apiToken": {
        "type": "http",
        "scheme": "basic",
        "description": (
            "Project id as user, API token as password. What is asked for beside it is a"
            " permission that the token must carry."
        ),
    },
    "sat": {
        "type": "http",
        "scheme": "bearer",
        "description": "A subscriber access token (SAT) that is good now.",
    },
    "satWithProof": {
        "type": "http",
        "scheme": "dpop",
        "description": "The same, as RFC 9449 has it. The endpoints ask for a proof either way.",
    },
}


_PROOF_PARAMETER: Final = {
    "name": "DPoP",
    "in": "header",
    "required": False,
    "description": "The proof of possession, where it is not in the body (RFC 9449, section 4.1).",
    "schema": {"type": "string"},
}


def document(operations: Iterable[Operation], server_url: str) -> dict[str, Any]:
    """The whole description.

    Args:
        operations: What to describe; those that are not `documented` are left out.
        server_url: Where the server is reached.
    """
    shown = [operation for operation in operations if operation.documented]
    answers = [operation.answer for operation in shown if operation.answer is not None]
    references, schemas = answer_schemas(answers)
    remaining = iter(references)
    paths: dict[str, dict[str, Any]] = {}
    for operation in shown:
        answer = _ANY_JSON[operation.media_type] if operation.answer is None else next(remaining)
        entry = _entry(operation, answer, schemas)
        paths.setdefault(operation.path, {})[operation.method.lower()] = entry
    schemas |= {op.shape.name: op.shape.schema() for op in shown if op.shape is not None}
    used = sorted(set().union(*(codes_of(operation) for operation in shown)))
    single = [code for code in used if STATUS[code] not in (422, 429)]
    schemas |= {error_name(code): error_schema(code) for code in single} | faults_schemas()
    tags = dict.fromkeys(operation.tag for operation in shown)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "satmint",
            "version": __version__,
            "description": (
                "A self-hosted mint for SignalWire-compatible subscriber access tokens."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server_url}],
        "tags": [{"name": name, "description": _TAGS[name]} for name in tags],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {error_name(code): _single_refusal(code) for code in single},
            "headers": _HEADERS,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def codes_of(operation: Operation) -> frozenset[Code]:
    """Every code that an operation can answer with."""
    codes = set(operation.refusals) | {Code.INTERNAL}
    if operation.admits is not Admits.ANYONE:
        codes |= {Code.UNAUTHORIZED, Code.RATE_LIMIT_EXCEEDED, Code.UNAVAILABLE}
    if _PLACEHOLDER.search(operation.path):
        codes.add(Code.NOT_FOUND)
    if operation.query:
        codes.add(Code.INVALID_PARAMETER)
    if "page_token" in operation.query:
        codes.add(Code.PAGE_TOKEN_IS_INVALID)
    if operation.shape is not None:
        codes |= _BODY_CODES | _codes_of_members(operation.shape)
    return frozenset(codes)


def _codes_of_members(shape: Shape) -> set[Code]:
    """How a missing member is refused, and one of the wrong type."""
    codes: set[Code] = set()
    for field in shape.fields.values():
        if field.required:
            codes.add(Code.MISSING_REQUIRED_PARAMETER)
        schema = field.schema()
        types = {kind.get("type") for kind in (schema, *schema.get("anyOf", ()))}
        if "array" in types:
            codes.add(Code.NOT_AN_ARRAY_OF_STRINGS)
        elif "string" in types:
            codes.add(Code.NOT_A_STRING)
    return codes


def _entry(
    operation: Operation, answer: JsonSchema, schemas: dict[str, JsonSchema]
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.description:
        entry["description"] = operation.description
    entry["security"] = _security(operation.admits)
    parameters = [_path_parameter(name) for name in _PLACEHOLDER.findall(operation.path)]
    parameters += [_query_parameter(name, schema) for name, schema in operation.query.items()]
    if operation.admits.proves:
        parameters.append(_PROOF_PARAMETER)
    if parameters:
        entry["parameters"] = parameters
    if operation.shape is not None:
        entry["requestBody"] = {
            "required": any(field.required for field in operation.shape.fields.values()),
            "content": {_JSON: {"schema": reference(operation.shape.name)}},
        }
    success = _success(operation, answer, schemas)
    entry["responses"] = {str(operation.status): success, **_refusals(operation)}
    return entry


def _security(admits: Admits) -> list[dict[str, list[str]]]:
    """The alternatives; of the permissions, any one will do (OpenAPI 3.1, section 4.8.30)."""
    basic = [{"apiToken": [permission.value]} for permission in sorted(admits.permissions)]
    match admits:
        case Admits.ANYONE:
            return []
        case Admits.HOLDER:
            return [{"sat": []}]
        case Admits.KEY_HOLDER | Admits.LATE_KEY_HOLDER:
            return [{"sat": []}, {"satWithProof": []}]
        case Admits.HOLDER_OR_BACKEND:
            return [{"sat": []}, *basic]
        case Admits.BACKEND | Admits.MANAGER:
            return basic


def _success(
    operation: Operation, answer: JsonSchema, schemas: dict[str, JsonSchema]
) -> dict[str, Any]:
    headers = ["Cache-Control"] if operation.secret else []
    if operation.admits.proves:
        headers.append("DPoP-Nonce")
    if operation.status == 204:
        return {"description": "Done; there is nothing to tell.", "headers": _headers(*headers)}
    named = schemas.get(answer.get("$ref", "").rpartition("/")[2], {})
    return {
        "description": named.get("description", "Done."),
        "headers": _headers(*headers),
        "content": {operation.media_type: {"schema": answer}},
    }


def _refusals(operation: Operation) -> dict[str, Any]:
    by_status: dict[int, list[Code]] = {}
    for code in sorted(codes_of(operation)):
        by_status.setdefault(STATUS[code], []).append(code)
    answers: dict[str, Any] = {}
    for status, codes in sorted(by_status.items()):
        match status:
            case 422:
                answers["422"] = _refusal(codes, VALIDATION)
            case 429:
                answers["429"] = _refusal(codes, RATE_LIMIT)
            case 401 if operation.admits.proves:
                answers["401"] = _refusal(codes, error_name(codes[0]), *_PROOF_HEADERS)
            case _:
                name = error_name(codes[0])
                answers[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return answers


def _single_refusal(code: Code) -> dict[str, Any]:
    return _refusal([code], error_name(code))


def _refusal(codes: list[Code], schema: str, *more_headers: str) -> dict[str, Any]:
    status = STATUS[codes[0]]
    if len(codes) == 1:
        says = EXPLANATIONS[codes[0]].meaning
    else:
        says = f"Refused, with every fault found. Codes: {', '.join(codes)}."
    return {
        "description": says,
        "headers": {}
        if status in _UNNAMED
        else _headers(*_HEADERS_OF.get(status, ()), *more_headers),
        "content": {_JSON: {"schema": reference(schema)}},
        CODES: [code.value for code in codes],
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string", "format": "uuid"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameter(name: str, described: dict[str, Any]) -> dict[str, Any]:
    schema = {key: value for key, value in described.items() if key != "description"}
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": described["description"],
        "schema": schema,
    }
