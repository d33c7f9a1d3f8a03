"""The description against the server: valid OpenAPI 3.1, and every answer is one that it allows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import jsonschema_rs
import msgspec
import pytest
import schemathesis

from satmint.flows.policy import Policy
from satmint.http.body_schema import ReadContext
from satmint.http.examples import answer_example, request_example
from satmint.http.openapi import CODES, _alternatives, codes_of, document
from satmint.http.operations import Authentication, Operation
from satmint.http.resources import OPERATIONS
from satmint.http.statuses import STATUS
from satmint.model.refusals import Code
from tests.http.openapi_tour import NOBODY, operation_of, tour
from tests.kit.service import BASE_URL, Bearer, Json, Server, a_service, said

DOCUMENT: Final = document(OPERATIONS, BASE_URL)
SCHEMAS: Final[dict[str, Json]] = DOCUMENT["components"]["schemas"]
DOCUMENTED: Final = [operation for operation in OPERATIONS if operation.documented]
SHAPED: Final = [operation for operation in DOCUMENTED if operation.body_schema is not None]


def named(operation: Operation) -> str:
    return operation.id


def test_description_is_valid_openapi() -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.validate()
    assert len(list(schema.get_all_operations())) == len(DOCUMENTED)


def test_the_check_for_validity_would_notice() -> None:
    broken = {**DOCUMENT, "paths": {"/x": {"get": {"responses": {"200": {}}}}}}
    with pytest.raises(jsonschema_rs.ValidationError, match="description"):
        schemathesis.openapi.from_dict(broken).validate()


OPEN: Final = (
    {"type": "object", "additionalProperties": True},  # `meta` of a room: the project's own data
    {"type": "object", "additionalProperties": {"type": "string"}},  # paths of an account
)
"""The objects whose members the description does not name."""


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_a_valid_and_closed_json_schema(name: str) -> None:
    jsonschema_rs.meta.validate({"$schema": _DIALECT, **SCHEMAS[name]})
    for schema in _objects(SCHEMAS[name]):
        if "properties" in schema:
            assert schema["additionalProperties"] is False, schema
        else:
            assert schema in OPEN, schema


@pytest.mark.parametrize("name", SCHEMAS)
def test_examples_fit_their_schemas(name: str) -> None:
    if name.endswith("Request"):
        example: object = request_example(name, SCHEMAS[name])
    else:
        example = answer_example({"$ref": f"#/components/schemas/{name}"}, SCHEMAS)
    assert _misfits({"$ref": f"#/components/schemas/{name}"}, example) == []


def test_what_may_be_left_out_is_left_out_and_never_null() -> None:
    """The description says so of every member with a default; `omit_defaults` makes it true."""
    for kind in _structs():
        if any(field.default is None for field in msgspec.structs.fields(kind)):
            assert kind.__struct_config__.omit_defaults, kind


def test_regions_and_cluster_hosts_are_those_of_the_deployment() -> None:
    regions = {"eu-west": "puc.eu.example.com", "us-central": None}
    policy = Policy(cluster_host="puc.example.com", regions=regions)
    described = document(OPERATIONS, BASE_URL, policy)["components"]["schemas"]
    guest = described["GuestTokenRequest"]["properties"]
    names = ["eu-west", "us-central"]
    assert guest["region"]["enum"] == [*names, None]
    assert guest["ch"]["enum"] == [*names, "puc.eu.example.com", "puc.example.com", None]
    assert described["SubscriberTokenRequest"]["properties"]["region"]["enum"] == [*names, None]
    assert SCHEMAS["GuestTokenRequest"]["properties"]["ch"]["enum"] == ["us-central", None]


async def test_a_server_describes_its_own_regions(tmp_path: Path) -> None:
    regions = {"moon": "puc.moon.example.com"}
    async with a_service(tmp_path, regions=regions, cluster_host="puc.example.com") as server:
        answer = await server.client.get("/openapi.json")
        schemas = said(answer, 200)["components"]["schemas"]
        assert schemas["GuestTokenRequest"]["properties"]["region"]["enum"] == ["moon", None]


def test_every_token_has_the_vendors_format() -> None:
    tokens = {
        f"{name}.{member}"
        for name, schema in SCHEMAS.items()
        for member, found in schema.get("properties", {}).items()
        if found.get("format") == "jwt"
    }
    assert tokens == {
        "DeviceToken.token",
        "SubscriberRefreshTokenRequest.refresh_token",
        "SubscriberTokens.refresh_token",
        "SubscriberTokens.token",
        "TokenAnswer.token",
        "TokenPair.refresh_token",
        "TokenPair.token",
    }


def test_no_text_of_it_speaks_of_where_a_fact_is_from() -> None:
    assert "(seed" not in json.dumps(DOCUMENT)


@pytest.mark.parametrize("operation", DOCUMENTED, ids=named)
def test_statuses_headers_and_codes_are_those_of_the_table(operation: Operation) -> None:
    responses = _entry(operation)["responses"]
    codes = codes_of(operation)
    successes = {operation.status, *operation.other_answers}
    assert set(responses) == {*map(str, successes), *(str(STATUS[code]) for code in codes)}
    told = {code for answer in responses.values() for code in _resolved(answer).get(CODES, ())}
    assert told == codes
    for status, answer in responses.items():
        headers = set(_resolved(answer)["headers"])
        assert "X-Request-Id" in headers
        assert ("WWW-Authenticate" in headers) == (status == "401")
        assert ("Retry-After" in headers) == (status in ("429", "503"))
        assert ("content" in _resolved(answer)) == (status != "204")


@pytest.mark.parametrize("operation", DOCUMENTED, ids=named)
def test_who_may_call_is_what_the_guard_checks(operation: Operation) -> None:
    security = _entry(operation)["security"]
    permissions = {name for one in security for name in one.get("api_token", ())}
    takes_basic = operation.authentication in (
        Authentication.API_TOKEN,
        Authentication.API_TOKEN_ANY,
        Authentication.API_TOKEN_INTROSPECT,
        Authentication.API_TOKEN_MANAGEMENT,
        Authentication.SUBSCRIBER_OR_API_TOKEN,
        Authentication.INVITER,
    )
    takes_bearer = operation.authentication not in (
        Authentication.PUBLIC,
        Authentication.API_TOKEN,
        Authentication.API_TOKEN_ANY,
        Authentication.API_TOKEN_INTROSPECT,
        Authentication.API_TOKEN_MANAGEMENT,
    )
    assert permissions == (set(operation.authentication.permissions) if takes_basic else set())
    assert ({"subscriber_token": []} in security) == takes_bearer
    assert ({"bound_token": []} in security) == operation.authentication.accepts_proof


def context_of(server: Server) -> ReadContext:
    return ReadContext(server.clock.now(), server.services.policy)


@pytest.mark.parametrize("operation", SHAPED, ids=named)
async def test_the_example_of_a_body_is_taken(operation: Operation, server: Server) -> None:
    assert operation.body_schema is not None
    example = request_example(operation.body_schema.name, SCHEMAS[operation.body_schema.name])
    _, field_errors = operation.body_schema.read(example, context_of(server))
    assert field_errors == []


@pytest.mark.parametrize("operation", SHAPED, ids=named)
async def test_no_odd_value_is_refused_with_a_code_that_is_not_told(
    operation: Operation, server: Server
) -> None:
    body_schema = operation.body_schema
    assert body_schema is not None
    for name in (*body_schema.fields, "unheard_of"):
        for value in _ODD:
            _, field_errors = body_schema.read({name: value}, context_of(server))
            assert {field_error.code for field_error in field_errors} <= codes_of(operation), (
                name,
                value,
            )


async def test_a_tour_of_every_operation_gets_only_answers_that_are_described(
    server: Server,
) -> None:
    toured: set[str] = set()
    async for operation, answer in tour(server):
        conforms(operation, answer)
        if answer.status_code == operation.status:
            toured.add(operation.id)
    # A stream has no end: see tests/http/test_revocation_stream.py.
    assert toured == {operation.id for operation in DOCUMENTED} - {"stream-revocations"}


@pytest.mark.parametrize("operation", DOCUMENTED, ids=named)
async def test_a_stranger_and_a_garbled_body_get_answers_that_are_described(
    operation: Operation, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("satmint.flows.revocation_hub.READY_SECONDS", 0)
    path = operation.path.replace("{id}", NOBODY).replace("{session_id}", NOBODY)
    path = path.replace("{token_id}", NOBODY).replace("{project_id}", NOBODY)
    basic, bearer = server.tenant.auth, Bearer((await server.sign_in())["token"])
    for auth in (None, httpx.BasicAuth(NOBODY, "PT"), Bearer("x.y"), basic, bearer):
        for content in (b"", b"[", b"{}", b'{"a":1,"a":2}', b'{"token":NaN}', b"\xff"):
            answer = await server.client.request(
                operation.method, path, auth=auth, content=content, params={"page_size": "0"}
            )
            conforms(operation, answer)


async def test_the_limits_are_answered_as_described(server: Server) -> None:
    exchange = operation_of("create-embed-token")
    _, c2c_token = await server.c2c_token()
    statuses = []
    for _ in range(server.services.policy.embeds_per_minute + 1):
        answer = await server.client.post(exchange.path, json={"token": c2c_token})
        conforms(exchange, answer)
        statuses.append(answer.status_code)
    assert statuses == [201] * server.services.policy.embeds_per_minute + [429]
    too_much = await server.client.post(exchange.path, content=b" " * (64 * 1024 + 1))
    conforms(exchange, too_much)
    assert too_much.status_code == 413


async def test_a_database_that_is_gone_is_answered_as_described(server: Server) -> None:
    _, c2c_token = await server.c2c_token()
    await server.service.store.close()
    for identifier in ("readyz", "list-subscribers", "create-embed-token"):
        operation = operation_of(identifier)
        body = {"token": c2c_token}
        answer = await server.client.request(
            operation.method, operation.path, json=body, auth=server.tenant.auth
        )
        conforms(operation, answer)
        assert answer.status_code == 503


def conforms(operation: Operation, answer: httpx.Response) -> None:
    """Fail unless the description allows `operation` to be answered so."""
    responses = _entry(operation)["responses"]
    context = (operation.id, answer.status_code, answer.text[:300])
    assert str(answer.status_code) in responses, context
    described = _resolved(responses[str(answer.status_code)])
    for name, pointer in described["headers"].items():
        header = _resolved(pointer)
        assert name in answer.headers or not header["required"], (name, context)
        if name not in answer.headers:
            continue
        text = answer.headers[name]
        value: object = int(text) if header["schema"]["type"] == "integer" else text
        assert _misfits(header["schema"], value) == [], context
    if "content" not in described:
        assert answer.content == b"", context
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    schema = described["content"][media_type]["schema"]
    body: Any = answer.json() if media_type == "application/json" else answer.text
    assert _misfits(schema, body) == [], context
    if answer.status_code in (422, 429):
        assert {entry["code"] for entry in body["errors"]} <= set(described[CODES]), context


_ODD: Final[list[object]] = [
    *(None, True, 0, 1.5, -1, 1 << 70),
    *("", "\n", "x" * 9000),
    *([], [0], [[]], {}),
]
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def _entry(operation: Operation) -> Json:
    entry: Json = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return entry


def _resolved(pointer: Json) -> Json:
    if "$ref" not in pointer:
        return pointer
    found: Any = DOCUMENT
    for step in pointer["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _misfits(schema: Json, value: object) -> list[str]:
    complete = {**schema, "components": DOCUMENT["components"]}
    validator = jsonschema_rs.Draft202012Validator(complete, validate_formats=True)
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


def _objects(schema: object) -> Iterator[Json]:
    if isinstance(schema, list):
        for item in schema:
            yield from _objects(item)
    elif isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for item in schema.values():
            yield from _objects(item)


def _structs() -> set[type[msgspec.Struct]]:
    found: set[type[msgspec.Struct]] = set()

    def visit(kind: object) -> None:
        if isinstance(kind, msgspec.inspect.StructType):
            found.add(kind.cls)
            for field in kind.fields:
                visit(field.type)
        for inner in ("item_type", "type", "value_type"):
            if hasattr(kind, inner):
                visit(getattr(kind, inner))
        for one in getattr(kind, "types", ()):
            visit(one)

    for operation in DOCUMENTED:
        for answer in _alternatives(operation):
            visit(msgspec.inspect.type_info(answer))
    return found


def test_the_search_for_answer_types_finds_those_inside_of_others() -> None:
    names = {kind.__name__.partition("[")[0] for kind in _structs()}
    assert {"ListOf", "Links", "AddressAnswer", "SatClaims", "Confirmation"} <= names


def test_every_code_is_told_by_some_operation_or_by_the_router() -> None:
    told = set().union(*(codes_of(operation) for operation in DOCUMENTED))
    assert set(Code) - told == {
        Code.METHOD_NOT_ALLOWED,
        Code.UPGRADE_REQUIRED,
        Code.NOT_IMPLEMENTED,
        Code.HTTP_VERSION_NOT_SUPPORTED,
    }
