"""The description of single operations, member by member, as their table says."""

from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from satmint.http.body_schema import BodySchema, Field, JsonSchema
from satmint.http.call import Call
from satmint.http.explanations import EXPLANATIONS
from satmint.http.openapi import codes_of, document
from satmint.http.operations import Authentication, BodyHandler, HandlerContext, Operation
from satmint.http.paging import PAGING_QUERY
from satmint.model.refusals import Code

URL: Final = "https://mint.test"


class Described(Field[object]):
    """A field of these tests: of the JSON type that is its documentation."""

    def read(self, value: object, context: object) -> object:  # noqa: ARG002 - as declared
        return value

    def schema(self) -> JsonSchema:
        if self.doc == "either":
            return {"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]}
        return {"type": self.doc}


class ThingAnswer(msgspec.Struct, frozen=True):
    """A thing."""

    id: UUID


class OtherAnswer(msgspec.Struct, frozen=True):
    name: str


async def handler(_context: HandlerContext, _call: Call) -> object:
    raise AssertionError("nobody calls it")


async def body_handler(_context: HandlerContext, _call: Call, _body: object) -> object:
    raise AssertionError("nobody calls it")


async def repeat(_context: HandlerContext, _call: Call, _body: object, _id: UUID) -> object:
    raise AssertionError("nobody calls it")


def taking(*fields: Field[object]) -> BodyHandler[object]:
    """A handler of a body with these members."""
    return BodyHandler(BodySchema("ThingRequest", fields, lambda members: members), body_handler)


def an_operation(**members: Any) -> Operation:  # noqa: ANN401 - the members of an operation
    given: dict[str, Any] = {
        "id": "get-thing",
        "method": "GET",
        "path": "/things",
        "tag": "Tokens",
        "summary": "Get a thing",
        "authentication": Authentication.PUBLIC,
        "handler": handler,
        "answer": ThingAnswer,
        **members,
    }
    return Operation(**given)


def entry_of(**members: Any) -> Any:  # noqa: ANN401 - the members of an operation; JSON
    """What the document says of one operation."""
    operation = an_operation(**members)
    return document([operation], URL)["paths"][operation.path][operation.method.lower()]


SERVER_CODES: Final = {
    Code.BAD_REQUEST,
    Code.HEADERS_TOO_LARGE,
    Code.REQUEST_TIMEOUT,
    Code.UNAVAILABLE,
    Code.INTERNAL,
}
CALLER_CODES: Final = {Code.UNAUTHORIZED, Code.RATE_LIMIT_EXCEEDED}
BODY_CODES: Final = {Code.INVALID_PARAMETER, Code.NOT_A_VALID_JSON, Code.PAYLOAD_TOO_LARGE}
QUERY: Final = {"kind": {"type": "string", "description": "The kind."}}


def field_of(kind: str, *, required: bool = False) -> Field[object]:
    return Described(name="a", doc=kind, required=required)


@pytest.mark.parametrize(
    ("members", "codes"),
    [
        ({}, set()),
        ({"authentication": Authentication.SUBSCRIBER_TOKEN}, CALLER_CODES),
        ({"refusals": frozenset({Code.FORBIDDEN})}, {Code.FORBIDDEN}),
        ({"path": "/things/{id}"}, {Code.NOT_FOUND}),
        ({"path": "/api/fabric/things"}, {Code.NOT_FOUND}),
        ({"query": QUERY}, {Code.INVALID_PARAMETER}),
        (
            {"query": PAGING_QUERY},
            {Code.INVALID_PARAMETER, Code.PAGE_TOKEN_IS_INVALID, Code.PAGE_TOKEN_REQUIRED},
        ),
        (
            {"repeat": repeat},
            {
                Code.INVALID_PARAMETER,
                Code.IDEMPOTENCY_KEY_REUSED,
                Code.IDEMPOTENCY_RESULT_UNAVAILABLE,
            },
        ),
        ({"handler": taking()}, BODY_CODES),
        ({"handler": taking(field_of("integer"))}, BODY_CODES),
        (
            {"handler": taking(field_of("integer", required=True))},
            BODY_CODES | {Code.MISSING_REQUIRED_PARAMETER},
        ),
        ({"handler": taking(field_of("string"))}, BODY_CODES | {Code.NOT_A_STRING}),
        ({"handler": taking(field_of("array"))}, BODY_CODES | {Code.NOT_AN_ARRAY_OF_STRINGS}),
        ({"handler": taking(field_of("either"))}, BODY_CODES | {Code.NOT_AN_ARRAY_OF_STRINGS}),
    ],
)
def test_codes_of_an_operation_are_those_of_its_parts(
    members: dict[str, Any], codes: set[Code]
) -> None:
    assert codes_of(an_operation(**members)) == SERVER_CODES | codes


def header(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def response(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{name}"}


JSON_OF_THING: Final = {
    "application/json": {"schema": {"$ref": "#/components/schemas/ThingAnswer"}}
}
SERVER_RESPONSES: Final = {
    "400": response("BadRequest"),
    "408": response("RequestTimeout"),
    "431": response("RequestHeaderFieldsTooLarge"),
    "500": response("InternalServerError"),
    "503": response("ServiceUnavailable"),
}


def test_plain_operation_has_its_answer_and_the_errors_of_the_server() -> None:
    assert entry_of() == {
        "operationId": "get-thing",
        "tags": ["Tokens"],
        "summary": "Get a thing",
        "security": [],
        "responses": {
            "200": {
                "description": "A thing.",
                "headers": header(),
                "content": JSON_OF_THING,
            },
            **SERVER_RESPONSES,
        },
    }


def test_parameters_of_path_query_and_headers_are_described() -> None:
    entry = entry_of(
        path="/things/{id}",
        description="More about it.",
        query=QUERY,
        authentication=Authentication.INVITER,
        repeat=repeat,
    )
    assert entry["description"] == "More about it."
    path, query, proof, key = entry["parameters"]
    assert path == {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }
    assert query == {
        "name": "kind",
        "in": "query",
        "required": False,
        "description": "The kind.",
        "schema": {"type": "string"},
    }
    assert (proof["name"], proof["in"], proof["required"]) == ("DPoP", "header", False)
    assert proof["description"] == "A proof of possession of the SAT's key (RFC 9449, section 4.1)."
    assert (key["name"], key["in"], key["required"]) == ("Idempotency-Key", "header", False)
    assert entry["responses"]["200"]["headers"] == header("DPoP-Nonce", "Idempotent-Replayed")


def test_proof_that_is_required_may_be_in_the_body() -> None:
    entry = entry_of(authentication=Authentication.BOUND_TOKEN)
    (proof,) = entry["parameters"]
    assert proof["description"].startswith("The proof of possession, unless it is in the body")
    assert entry["responses"]["401"]["headers"] == header(
        "WWW-Authenticate", "X-Satmint-Cause", "DPoP-Nonce"
    )
    assert entry["responses"]["401"]["x-satmint-codes"] == ["unauthorized"]


@pytest.mark.parametrize(
    ("authentication", "security"),
    [
        (Authentication.PUBLIC, []),
        (Authentication.API_TOKEN_MANAGEMENT, [{"api_token": ["management"]}]),
        (
            Authentication.API_TOKEN_INTROSPECT,
            [{"api_token": ["introspect"]}, {"api_token": ["management"]}],
        ),
        (Authentication.SUBSCRIBER_TOKEN, [{"subscriber_token": []}]),
        (Authentication.BOUND_TOKEN_GRACE, [{"subscriber_token": []}, {"bound_token": []}]),
        (
            Authentication.SUBSCRIBER_OR_API_TOKEN,
            [
                {"subscriber_token": []},
                *({"api_token": [name]} for name in ("calling", "fax", "messaging", "video")),
            ],
        ),
        (
            Authentication.INVITER,
            [
                {"subscriber_token": []},
                {"bound_token": []},
                *({"api_token": [name]} for name in ("calling", "fax", "messaging", "video")),
            ],
        ),
    ],
)
def test_security_names_each_way_to_authenticate(
    authentication: Authentication, security: list[dict[str, list[str]]]
) -> None:
    assert entry_of(authentication=authentication)["security"] == security


@pytest.mark.parametrize(
    ("fields", "required"),
    [
        ((field_of("string"),), False),
        ((field_of("string", required=True),), True),
    ],
)
def test_body_is_required_if_a_member_is(fields: tuple[Field[object], ...], required: bool) -> None:
    operation = an_operation(method="POST", handler=taking(*fields))
    described = document([operation], URL)
    assert described["paths"]["/things"]["post"]["requestBody"] == {
        "required": required,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ThingRequest"}}},
    }
    schema = described["components"]["schemas"]["ThingRequest"]
    assert schema["required"] == (["a"] if required else [])
    assert list(schema["properties"]) == ["a"]


def test_operation_without_a_body_has_none() -> None:
    described = document([an_operation()], URL)
    assert "requestBody" not in described["paths"]["/things"]["get"]
    assert "ThingRequest" not in described["components"]["schemas"]


def test_secret_answer_is_not_to_be_stored() -> None:
    assert entry_of(secret=True)["responses"]["200"]["headers"] == header("Cache-Control")


def test_answer_without_content_has_no_body() -> None:
    responses = entry_of(status=204, answer=None)["responses"]
    assert responses["204"] == {"description": "No content.", "headers": header()}


def test_alternatives_and_other_statuses_are_described() -> None:
    responses = entry_of(
        status=201, answer=(ThingAnswer, OtherAnswer), other_answers={202: OtherAnswer}
    )["responses"]
    thing, other = ({"$ref": f"#/components/schemas/{name}Answer"} for name in ("Thing", "Other"))
    assert responses["201"]["description"] == "Success."
    assert responses["201"]["content"]["application/json"]["schema"] == {"anyOf": [thing, other]}
    assert responses["202"]["content"]["application/json"]["schema"] == other


def test_answer_of_another_type_has_its_schema() -> None:
    responses = entry_of(answer=None, media_type="text/plain")["responses"]
    assert responses["200"]["content"] == {"text/plain": {"schema": {"type": "string"}}}


def test_errors_of_one_status_are_listed_together() -> None:
    responses = entry_of(
        authentication=Authentication.SUBSCRIBER_TOKEN, refusals={Code.NOT_A_STRING}, query=QUERY
    )["responses"]
    assert responses["422"] == {
        "description": (
            "Rejected; the response lists every error. Codes: invalid_parameter, not_a_string."
        ),
        "headers": header(),
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/ValidationErrors"}}
        },
        "x-satmint-codes": ["invalid_parameter", "not_a_string"],
    }
    assert responses["429"] == {
        "description": EXPLANATIONS[Code.RATE_LIMIT_EXCEEDED].meaning,
        "headers": header("Retry-After"),
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/RateLimitErrors"}}
        },
        "x-satmint-codes": ["rate_limit_exceeded"],
    }
    assert responses["401"] == response("Unauthorized")


def test_document_has_what_its_operations_need_and_nothing_of_others() -> None:
    hidden = an_operation(id="hidden", path="/hidden", tag="Health", documented=False)
    described = document([an_operation(), hidden], URL)
    assert list(described["paths"]) == ["/things"]
    assert described["openapi"] == "3.1.0"
    assert described["servers"] == [{"url": URL}]
    assert [tag["name"] for tag in described["tags"]] == ["Tokens"]
    components = described["components"]
    names = {"BadRequest", "RequestTimeout", "RequestHeaderFieldsTooLarge"}
    names |= {"InternalServerError", "ServiceUnavailable"}
    assert set(components["responses"]) == names
    lists = {"ValidationErrors", "RateLimitErrors"}
    assert set(components["schemas"]) == {"ThingAnswer", *names, *lists}
    assert components["responses"]["ServiceUnavailable"] == {
        "description": EXPLANATIONS[Code.UNAVAILABLE].meaning,
        "headers": header("Retry-After"),
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/ServiceUnavailable"}}
        },
        "x-satmint-codes": ["service_unavailable"],
    }
    assert components["schemas"]["ThingAnswer"] == {
        "type": "object",
        "description": "A thing.",
        "properties": {"id": {"type": "string", "format": "uuid"}},
        "required": ["id"],
        "additionalProperties": False,
    }
