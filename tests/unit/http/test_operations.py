"""Operations and handlers of bodies: what they are where nothing else is said."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from satmint.http.body_schema import BodySchema, Field, InvalidValue, JsonSchema, Members
from satmint.http.call import Call
from satmint.http.operations import (
    Authentication,
    BodyHandler,
    FindErrors,
    HandlerContext,
    Operation,
)
from satmint.model.permissions import FABRIC, INTROSPECTION, MANAGEMENT, VENDOR, Permission
from satmint.model.refusals import Code, FieldError, Unprocessable
from tests.kit.service import ORIGIN, Server


class Even(Field[int]):
    """A field of these tests."""

    def read(self, value: object, context: object) -> int:  # noqa: ARG002 - as declared
        if not isinstance(value, int) or value % 2:
            raise InvalidValue(Code.INVALID_PARAMETER, "must be even")
        return value

    def schema(self) -> JsonSchema:
        return {"type": "integer"}


COUNT: Final = Even(name="count", doc="The count.", required=True)
SCHEMA: Final = BodySchema("S", (COUNT,), lambda members: members[COUNT] // 2)
CALL: Final = Call({}, b"", ORIGIN, {})
ODD: Final = FieldError(Code.INVALID_PARAMETER, "Count must be even", "count")
TAKEN: Final = FieldError(Code.NOT_UNIQUE_WITHIN_PROJECT, "Name must be unique", "name")


async def echo(_context: HandlerContext, _call: Call, half: int) -> object:
    return {"half": half}


async def find_errors(_context: HandlerContext, _call: Call, _members: Members) -> list[FieldError]:
    return [TAKEN]


async def handled(
    server: Server, members: Mapping[str, object], finding: FindErrors | None = None
) -> object:
    return await BodyHandler(SCHEMA, echo, finding)(server.context, CALL, members)


@pytest.mark.parametrize("finding", [None, find_errors])
async def test_handler_gets_the_body_as_its_schema_builds_it(
    server: Server, finding: FindErrors | None
) -> None:
    assert await handled(server, {"count": 14}, finding) == {"half": 7}


@pytest.mark.parametrize(("finding", "errors"), [(None, (ODD,)), (find_errors, (ODD, TAKEN))])
async def test_invalid_body_is_refused_with_the_errors_of_the_flow_too(
    server: Server, finding: FindErrors | None, errors: tuple[FieldError, ...]
) -> None:
    with pytest.raises(Unprocessable) as refusal:
        await handled(server, {"count": 13}, finding)
    assert refusal.value.field_errors == errors


def an_operation(**members: Any) -> Operation:  # noqa: ANN401 - the members of an operation
    given: dict[str, Any] = {
        "id": "one",
        "method": "POST",
        "path": "/one",
        "tag": "One",
        "summary": "One",
        "authentication": Authentication.API_TOKEN_MANAGEMENT,
        "handler": BodyHandler(SCHEMA, echo),
        **members,
    }
    return Operation(**given)


def test_operation_answers_200_with_json_that_is_no_secret_unless_it_says_so() -> None:
    operation = an_operation()
    assert (operation.status, operation.media_type) == (200, "application/json")
    assert (operation.secret, operation.reads_only, operation.documented) == (False, False, True)
    assert operation.body_schema is SCHEMA
    assert an_operation(handler=handled).body_schema is None


@pytest.mark.parametrize(
    ("members", "changes"),
    [
        ({}, True),
        ({"method": "DELETE"}, True),
        ({"method": "GET"}, False),
        ({"reads_only": True}, False),
        ({"authentication": Authentication.API_TOKEN}, False),
        ({"authentication": Authentication.PUBLIC}, False),
    ],
)
def test_management_changes_what_its_unsafe_methods_are_for(
    members: dict[str, Any], changes: bool
) -> None:
    assert an_operation(**members).is_management_change is changes


NONE: Final = frozenset[Permission]()
PROOF: Final = b'Bearer realm="satmint", DPoP algs="RS256 PS256 ES256 EdDSA Ed25519"'
EITHER: Final = b'Bearer realm="satmint", Basic realm="satmint"'
BASIC: Final = b'Basic realm="satmint"'


@pytest.mark.parametrize(
    ("authentication", "permissions", "requires", "accepts", "challenge"),
    [
        (Authentication.PUBLIC, NONE, False, False, BASIC),
        (Authentication.API_TOKEN, FABRIC, False, False, BASIC),
        (Authentication.API_TOKEN_ANY, VENDOR, False, False, BASIC),
        (Authentication.API_TOKEN_INTROSPECT, INTROSPECTION, False, False, BASIC),
        (Authentication.API_TOKEN_MANAGEMENT, MANAGEMENT, False, False, BASIC),
        (Authentication.SUBSCRIBER_TOKEN, NONE, False, False, b'Bearer realm="satmint"'),
        (Authentication.SUBSCRIBER_OR_API_TOKEN, FABRIC, False, False, EITHER),
        (Authentication.BOUND_TOKEN, NONE, True, True, PROOF),
        (Authentication.BOUND_TOKEN_GRACE, NONE, True, True, PROOF),
        (Authentication.INVITER, FABRIC, False, True, EITHER),
    ],
)
def test_credentials_of_an_operation(
    authentication: Authentication,
    permissions: frozenset[Permission],
    requires: bool,
    accepts: bool,
    challenge: bytes,
) -> None:
    assert authentication.permissions == permissions
    assert (authentication.requires_proof, authentication.accepts_proof) == (requires, accepts)
    assert authentication.challenge == challenge


def test_context_prints_neither_the_demo_nor_what_sends_messages() -> None:
    nothing: Any = None
    context = HandlerContext(
        nothing, nothing, nothing, "https://mint.test", demo=nothing, sender=nothing
    )
    shown = repr(context)
    assert "public_url='https://mint.test'" in shown
    assert "demo" not in shown
    assert "sender" not in shown


async def test_bodies_are_read_by_the_clock_and_the_policy_of_the_server(server: Server) -> None:
    server.clock.advance(5)
    context = server.context.read_context()
    assert (context.now, context.policy) == (server.clock.now(), server.services.policy)
