"""The OpenAPI 3.1 document, generated from the table that routing and authentication also use.

The document is exact: it has every status, every header of a response, and bodies without unknown
members in both directions. The reference page is rendered only from it.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from satmint import __version__
from satmint.flows.policy import Policy
from satmint.flows.proofs import PROOF_CAUSES
from satmint.http.body_schema import BodySchema, JsonSchema
from satmint.http.explanations import EXPLANATIONS
from satmint.http.openapi_groups import SECURITY_SCHEMES, TAGS
from satmint.http.openapi_schemas import (
    RATE_LIMIT,
    VALIDATION,
    answer_schemas,
    error_list_schemas,
    error_name,
    error_schema,
    reference,
)
from satmint.http.operations import Authentication, Operation
from satmint.http.statuses import STATUS
from satmint.model.refusals import Code

CODES: Final = "x-satmint-codes"
"""The member of a response object that lists its possible error codes."""

_DEFAULT_POLICY: Final = Policy()
_JSON: Final = "application/json"
_FABRIC: Final = "/api/fabric/"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")

_SERVER_CODES: Final = frozenset(
    {Code.BAD_REQUEST, Code.HEADERS_TOO_LARGE, Code.REQUEST_TIMEOUT, Code.UNAVAILABLE}
)
"""The codes of refusals that occur before the operation is known."""
_BODY_CODES: Final = frozenset(
    {
        Code.INVALID_PARAMETER,
        Code.NOT_A_VALID_JSON,
        Code.PAYLOAD_TOO_LARGE,
    }
)
_ANY_JSON: Final[dict[str, dict[str, Any]]] = {
    _JSON: {"type": "object"},
    "text/plain": {"type": "string"},
    "text/event-stream": {
        "type": "object",
        "description": "The fields of one event.",
        "properties": {name: {"type": "string"} for name in ("event", "id", "data")},
    },
}
"""The schema of an answer without a type, by media type."""

_HEADERS: Final = {
    "X-Request-Id": {
        "description": (
            "The id of this request in the server's log and audit trail. The server also logs an"
            " `X-Request-Id` that the client sends."
        ),
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    "WWW-Authenticate": {
        "description": "The accepted authentication schemes (RFC 9110, section 11.6.1).",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "The number of seconds to wait before you retry.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "Cache-Control": {
        "description": "The response contains a secret.",
        "required": True,
        "schema": {"type": "string", "const": "no-store"},
    },
    "X-Satmint-Cause": {
        "description": (
            "The check that the proof of possession failed, if it failed one. For `proof_time`,"
            " `skew` is the number of seconds that the proof is ahead (negative: behind)."
        ),
        "required": False,
        "schema": {
            "type": "string",
            "pattern": f"^({'|'.join(PROOF_CAUSES)})(; skew=-?[0-9]+)?$",
        },
    },
    "DPoP-Nonce": {
        "description": (
            "The nonce for the next proof, if the project requires nonces (RFC 9449, section 8)."
        ),
        "required": False,
        "schema": {"type": "string"},
    },
    "Idempotent-Replayed": {
        "description": (
            "The answer to a repetition: an earlier request with the same `Idempotency-Key` made"
            " what the body describes."
        ),
        "required": False,
        "schema": {"type": "string", "const": "true"},
    },
}
_REPEATABLE: Final = frozenset(
    {
        Code.INVALID_PARAMETER,
        Code.IDEMPOTENCY_KEY_REUSED,
        Code.IDEMPOTENCY_RESULT_UNAVAILABLE,
    }
)
"""The codes of operations that take an idempotency key."""
_PROOF_HEADERS: Final = ("X-Satmint-Cause", "DPoP-Nonce")
"""Additional headers of 401 responses of operations that check a proof of possession."""
_HEADERS_OF: Final = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
"""Additional headers of refusals, by status."""
_PROOF_PARAMETER: Final = {
    "name": "DPoP",
    "in": "header",
    "required": False,
    "description": "The proof of possession, unless it is in the body (RFC 9449, section 4.1).",
    "schema": {"type": "string"},
}
_OPTIONAL_PROOF: Final = _PROOF_PARAMETER | {
    "description": "A proof of possession of the SAT's key (RFC 9449, section 4.1)."
}
_KEY_PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "Makes the request safe to repeat: a string in double quotes, or one word, of 1 to 255"
        " visible ASCII characters, such as a new UUID for each request. For 24 hours, a request of"
        " the same caller with the same key and body makes nothing and gets an equivalent answer."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 512},
}


def document(
    operations: Iterable[Operation], server_url: str, policy: Policy = _DEFAULT_POLICY
) -> dict[str, Any]:
    """Return the OpenAPI document.

    Args:
        operations: The operations; those that are not `documented` are omitted.
        server_url: The server's base URL.
        policy: The operator's rules, out of which the document lists regions and cluster hosts.
    """
    documented = [operation for operation in operations if operation.documented]
    answers = [
        kind
        for operation in documented
        for kind in (*_alternatives(operation), *operation.other_answers.values())
    ]
    references, schemas = answer_schemas(answers)
    remaining = iter(references)
    paths: dict[str, dict[str, Any]] = {}
    for operation in documented:
        kinds = [next(remaining) for _ in _alternatives(operation)]
        answer = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        if not kinds:
            answer = _ANY_JSON[operation.media_type]
        others = {status: next(remaining) for status in operation.other_answers}
        entry = _entry(operation, answer, others, schemas)
        paths.setdefault(operation.path, {})[operation.method.lower()] = entry
    schemas |= {
        op.body_schema.name: op.body_schema.schema(policy)
        for op in documented
        if op.body_schema is not None
    }
    used = sorted(set().union(*(codes_of(operation) for operation in documented)))
    single = [code for code in used if STATUS[code] not in (422, 429)]
    schemas |= {error_name(code): error_schema(code) for code in single} | error_list_schemas()
    tags = dict.fromkeys(operation.tag for operation in documented)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "satmint",
            "version": __version__,
            "description": (
                "A self-hosted server for SignalWire-compatible subscriber access tokens."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server_url}],
        "tags": [{"name": name, "description": TAGS[name]} for name in tags],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {error_name(code): _single_refusal(code) for code in single},
            "headers": _HEADERS,
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _alternatives(operation: Operation) -> tuple[Any, ...]:
    """Return the types of an operation's answers; none if it describes no answer."""
    answer = operation.answer
    if answer is None:
        return ()
    return answer if isinstance(answer, tuple) else (answer,)


def codes_of(operation: Operation) -> frozenset[Code]:
    """Return all error codes with which an operation can respond."""
    codes = set(operation.refusals) | _SERVER_CODES | {Code.INTERNAL}
    if operation.authentication is not Authentication.PUBLIC:
        codes |= {Code.UNAUTHORIZED, Code.RATE_LIMIT_EXCEEDED}
    # The vendor's description has a 404 for every operation of its Fabric API, as clients generated
    # from it expect.
    if _PLACEHOLDER.search(operation.path) or operation.path.startswith(_FABRIC):
        codes.add(Code.NOT_FOUND)
    if operation.query:
        codes.add(Code.INVALID_PARAMETER)
    if operation.repeat is not None:
        codes |= _REPEATABLE
    if "page_token" in operation.query:
        codes |= {Code.PAGE_TOKEN_IS_INVALID, Code.PAGE_TOKEN_REQUIRED}
    if operation.body_schema is not None:
        codes |= _BODY_CODES | _codes_of_members(operation.body_schema)
    return frozenset(codes)


def _codes_of_members(body_schema: BodySchema[Any]) -> set[Code]:
    """Return the codes for missing members and for members of the wrong type."""
    codes: set[Code] = set()
    for field in body_schema.fields.values():
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
    operation: Operation,
    answer: JsonSchema,
    others: dict[int, JsonSchema],
    schemas: dict[str, JsonSchema],
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.description:
        entry["description"] = operation.description
    entry["security"] = _security(operation.authentication)
    parameters = [_path_parameter(name) for name in _PLACEHOLDER.findall(operation.path)]
    parameters += [_query_parameter(name, schema) for name, schema in operation.query.items()]
    if operation.authentication.accepts_proof:
        is_required = operation.authentication.requires_proof
        parameters.append(_PROOF_PARAMETER if is_required else _OPTIONAL_PROOF)
    if operation.repeat is not None:
        parameters.append(_KEY_PARAMETER)
    if parameters:
        entry["parameters"] = parameters
    if operation.body_schema is not None:
        entry["requestBody"] = {
            "required": any(field.required for field in operation.body_schema.fields.values()),
            "content": {_JSON: {"schema": reference(operation.body_schema.name)}},
        }
    successes = {
        str(status): _success(operation, status, one, schemas)
        for status, one in {operation.status: answer, **others}.items()
    }
    entry["responses"] = {**successes, **_refusals(operation)}
    return entry


def _security(authentication: Authentication) -> list[dict[str, list[str]]]:
    """Return the alternatives; one permission is sufficient (OpenAPI 3.1, section 4.8.30)."""
    basic = [{"api_token": [permission.value]} for permission in sorted(authentication.permissions)]
    match authentication:
        case Authentication.PUBLIC:
            return []
        case Authentication.SUBSCRIBER_TOKEN:
            return [{"subscriber_token": []}]
        case Authentication.BOUND_TOKEN | Authentication.BOUND_TOKEN_GRACE:
            return [{"subscriber_token": []}, {"bound_token": []}]
        case Authentication.SUBSCRIBER_OR_API_TOKEN:
            return [{"subscriber_token": []}, *basic]
        case Authentication.INVITER:
            return [{"subscriber_token": []}, {"bound_token": []}, *basic]
        case (
            Authentication.API_TOKEN
            | Authentication.API_TOKEN_ANY
            | Authentication.API_TOKEN_INTROSPECT
            | Authentication.API_TOKEN_MANAGEMENT
        ):
            return basic


def _success(
    operation: Operation, status: int, answer: JsonSchema, schemas: dict[str, JsonSchema]
) -> dict[str, Any]:
    headers = ["Cache-Control"] if operation.secret else []
    if operation.authentication.accepts_proof:
        headers.append("DPoP-Nonce")
    if operation.repeat is not None:
        headers.append("Idempotent-Replayed")
    if status == 204:
        return {"description": "No content.", "headers": _headers(*headers)}
    named = schemas.get(answer.get("$ref", "").rpartition("/")[2], {})
    return {
        "description": named.get("description", "Success."),
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
            case 401 if operation.authentication.accepts_proof:
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
        description = EXPLANATIONS[codes[0]].meaning
    else:
        description = f"Rejected; the response lists every error. Codes: {', '.join(codes)}."
    return {
        "description": description,
        "headers": _headers(*_HEADERS_OF.get(status, ()), *more_headers),
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
