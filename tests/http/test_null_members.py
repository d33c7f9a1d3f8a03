"""Null for an optional member of a body means that the member is absent: in every operation."""

from typing import Any, Final

import jsonschema_rs
import pytest

from satmint.control.bodies import CLOCK, EXPIRE, fault_schema
from satmint.flows.policy import Policy
from satmint.http.body_schema import BodySchema, ReadContext
from satmint.http.examples import request_example
from satmint.http.resources import OPERATIONS
from satmint.model.refusals import Code
from tests.kit.service import TOKENS, Server, said

NOW: Final = 1_790_000_000
_API: Final = {
    operation.id: operation.body_schema
    for operation in OPERATIONS
    if operation.body_schema is not None
}
SCHEMAS: Final[dict[str, BodySchema[Any]]] = {
    **_API,
    "set-clock": CLOCK,
    "expire": EXPIRE,
    "arm-fault": fault_schema(["list-sessions"]),
}
OPTIONAL: Final = [
    pytest.param(schema, name, id=f"{operation}-{name}")
    for operation, schema in SCHEMAS.items()
    for name, field in schema.fields.items()
    if not field.required
]
REQUIRED: Final = [
    pytest.param(schema, name, id=f"{operation}-{name}")
    for operation, schema in SCHEMAS.items()
    for name, field in schema.fields.items()
    if field.required
]

Read = tuple[dict[str, object], list[tuple[Code, str | None]]]
"""The values that were read, by name, and the codes and attributes of the errors."""


def body_of(schema: BodySchema[Any]) -> dict[str, object]:
    return request_example(schema.name, schema.schema())


def outcome(schema: BodySchema[Any], body: dict[str, object]) -> Read:
    read, errors = schema.read(body, ReadContext(NOW, Policy()))
    values = {name: read.get_by_name(name) for name in schema.fields}
    return values, [(error.code, error.attribute) for error in errors]


def fits(schema: BodySchema[Any], body: dict[str, object]) -> bool:
    return jsonschema_rs.is_valid(schema.schema(), body)


@pytest.mark.parametrize(("schema", "name"), OPTIONAL)
def test_null_for_an_optional_member_is_the_same_as_its_absence(
    schema: BodySchema[Any], name: str
) -> None:
    body = body_of(schema)
    without = {other: value for other, value in body.items() if other != name}
    assert outcome(schema, {**without, name: None}) == outcome(schema, without)
    assert fits(schema, {**without, name: None}) == fits(schema, without)


@pytest.mark.parametrize(("schema", "name"), REQUIRED)
def test_null_for_a_required_member_is_an_error(schema: BodySchema[Any], name: str) -> None:
    body = {**body_of(schema), name: None}
    _, errors = outcome(schema, body)
    assert [attribute for _, attribute in errors] == [name]
    assert not fits(schema, body)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_null_for_an_unknown_member_is_an_error(schema: BodySchema[Any]) -> None:
    _, errors = outcome(schema, {**body_of(schema), "unheard_of": None})
    assert (Code.INVALID_PARAMETER, "unheard_of") in errors


async def test_null_clears_nothing(server: Server) -> None:
    names = {"first_name": "Ada", "job_title": "Analyst"}
    made = await server.sign_in("ada@example.com", **names)
    path = f"/api/fabric/resources/subscribers/{made['subscriber_id']}"
    await server.sign_in("ada@example.com", first_name=None, expire_at=None, scope=None)
    changed = await server.client.put(
        path, json={"email": None, "first_name": None}, auth=server.tenant.auth
    )
    profile = said(changed, 200)["subscriber"]
    assert {name: profile[name] for name in names} == names
    assert profile["email"] == "ada@example.com"


async def test_null_for_a_required_member_is_answered_as_any_wrong_type(server: Server) -> None:
    body = {"reference": None, "expire_at": None}
    answer = await server.client.post(TOKENS, json=body, auth=server.tenant.auth)
    (error,) = said(answer, 422)["errors"]
    assert (error["code"], error["attribute"]) == ("not_a_string", "reference")
