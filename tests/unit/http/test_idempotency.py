"""What makes two requests with an idempotency key the same one."""

from typing import Any, Final
from uuid import UUID

import pytest

from satmint.flows.idempotency import RequestIdentity
from satmint.http.body_schema import BodySchema, Field, JsonSchema
from satmint.http.call import Call
from satmint.http.idempotency import handle_once
from satmint.http.operations import Authentication, BodyHandler, HandlerContext, Operation
from tests.kit.service import ORIGIN, Server


class Anything(Field[object]):
    """A field of these tests."""

    def read(self, value: object, context: object) -> object:  # noqa: ARG002 - as declared
        return value

    def schema(self) -> JsonSchema:
        return {}


NAME: Final = Anything(name="name", doc="The name.")
MORE: Final = Anything(name="more", doc="More.")
SCHEMA: Final = BodySchema("S", (NAME, MORE), lambda members: members[NAME])


async def make(_context: HandlerContext, _call: Call, request: object) -> object:
    return "made", request


async def repeat(_context: HandlerContext, _call: Call, request: object, resource: UUID) -> object:
    return "repeated", request, resource


HANDLER: Final = BodyHandler(SCHEMA, make)


@pytest.mark.parametrize(
    ("authentication", "sends_proof", "has_proof"),
    [
        (Authentication.INVITER, True, True),
        (Authentication.INVITER, False, False),
        (Authentication.API_TOKEN, True, False),
        (Authentication.API_TOKEN, False, False),
    ],
)
async def test_request_is_known_by_its_caller_path_key_body_and_proof(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    authentication: Authentication,
    sends_proof: bool,
    has_proof: bool,
) -> None:
    known: list[RequestIdentity] = []

    async def perform(services: Any, identity: RequestIdentity, make: Any, again: Any) -> object:  # noqa: ANN401 - as `perform_once`
        known.append(identity)
        return await make(services), await again(services, UUID(int=9))

    monkeypatch.setattr("satmint.http.idempotency.perform_once", perform)
    operation = Operation(
        id="one",
        method="POST",
        path="/things/{id}",
        tag="One",
        summary="One",
        authentication=authentication,
        handler=HANDLER,
        repeat=repeat,
    )
    lines = [(b"idempotency-key", b'"k"'), *([(b"dpop", b"p")] if sends_proof else [])]
    call = Call({"id": "7"}, b"", ORIGIN, dict(lines), server.tenant.caller, lines)
    members = {"name": "a", "more": None}
    answers: object = await handle_once(server.context, operation, HANDLER, repeat, call, members)
    assert known == [
        RequestIdentity(server.tenant.caller, "POST", "/things/7", "k", {"name": "a"}, has_proof)
    ]
    assert answers == (("made", "a"), ("repeated", "a", UUID(int=9)))
