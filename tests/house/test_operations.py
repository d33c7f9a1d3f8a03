"""The table of operations: each reached in one way, and no secret left to be cached."""

import re
from typing import Any, Final

import msgspec
import pytest

from satmint.http.body_schema import Field
from satmint.http.operations import Authentication, Operation
from satmint.http.resources import OPERATIONS

SECRETS: Final = frozenset({"token", "refresh_token"})


def members(answer: Any) -> set[str]:  # noqa: ANN401 - a msgspec type, a tuple of them, or None
    if isinstance(answer, tuple):
        return set().union(*map(members, answer))
    if answer is None or not isinstance(answer, type):
        return set()
    return {field.name for field in msgspec.structs.fields(answer)}


def test_each_operation_has_a_name_and_a_place_of_its_own() -> None:
    ids = [operation.id for operation in OPERATIONS]
    places = [(operation.method, operation.path) for operation in OPERATIONS]
    assert len(set(ids)) == len(ids)
    assert len(set(places)) == len(places)


MASKED = {"update-project-token", "list-project-tokens", "list-api-tokens"}
"""Their answers carry tokens of which most is left out."""


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_operation_is_whole(operation: Operation) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", operation.id)
    assert operation.path.startswith("/")
    assert operation.summary
    assert not operation.summary.endswith(".")
    assert (operation.answer is None) or operation.status != 204
    if operation.body_schema is not None:
        assert operation.method in ("POST", "PUT", "PATCH")
        assert operation.body_schema.name.endswith("Request")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_answer_that_carries_a_token_is_not_stored_on_the_way(operation: Operation) -> None:
    if SECRETS & members(operation.answer) and operation.id not in MASKED:
        assert operation.secret


def test_what_is_open_to_anyone_is_known_by_name() -> None:
    """A guard that was forgotten would show up here."""
    open_ = {
        operation.path
        for operation in OPERATIONS
        if operation.authentication is Authentication.PUBLIC
    }
    assert {path for path in open_ if path.startswith("/api/")} == {
        "/api/embeds/tokens",
        "/api/fabric/embeds/tokens",
    }


VERIFIERS_PATHS: Final = {"/api/satmint/tokens/introspect", "/api/satmint/revocations"}


def test_management_is_for_managers() -> None:
    for operation in OPERATIONS:
        managed = operation.path.startswith(("/api/satmint/", "/api/project/"))
        for_verifiers = operation.path in VERIFIERS_PATHS
        assert for_verifiers is (operation.authentication is Authentication.API_TOKEN_INTROSPECT)
        assert (managed and not for_verifiers) is (
            operation.authentication is Authentication.API_TOKEN_MANAGEMENT
        ), operation.id


def test_every_member_of_every_body_is_described() -> None:
    for operation in OPERATIONS:
        body_schema = operation.body_schema
        fields: dict[str, Field[Any]] = {} if body_schema is None else dict(body_schema.fields)
        for name, field in fields.items():
            assert field.doc.endswith((".", "`")), f"{operation.id}: {name}"
