"""Introspection by services that verify tokens: many at a time, with a permission of its own."""

import re
from typing import Any, Final

import pytest

from satmint.flows.introspect import MAX_TOKENS, Introspection, introspect_many
from satmint.http.resources import OPERATIONS
from tests.http.answer_contract import FieldError, field_errors, invalid, missing, plain
from tests.kit.service import Server, said

PATH: Final = "/api/satmint/tokens/introspect"
INACTIVE: Final = {"active": False}
ID: Final = "9c8b7a6f-5e4d-4c3b-a2f1-0e9d8c7b6a5f"


async def asked(server: Server, body: object, status: int = 200) -> Any:  # noqa: ANN401 - JSON
    answer = await server.client.post(PATH, json=body, auth=server.tenant.auth)
    return said(answer, status)


async def api_token(server: Server, *permissions: str) -> tuple[str, str]:
    """The credentials of an API token with these permissions."""
    answer = await server.client.post(
        "/api/project/tokens",
        json={"name": "verifier", "permissions": permissions},
        auth=server.tenant.auth,
    )
    return str(server.tenant.id), str(said(answer, 200)["token"])


async def test_tokens_are_answered_in_order(server: Server) -> None:
    alice, bob = await server.sign_in("alice"), await server.sign_in("bob")
    other = await server.another_tenant()
    foreign = await server.client.post(
        "/api/fabric/subscribers/tokens", json={"reference": "eve"}, auth=other.auth
    )
    tokens = [
        *(alice["token"], "", "x", bob["refresh_token"], "a.b.c.d.e", alice["token"]),
        *(said(foreign, 200)["token"], bob["token"]),
    ]
    answers = (await asked(server, {"tokens": tokens}))["tokens"]
    for token, answer in zip(tokens, answers, strict=True):
        assert answer == await asked(server, {"token": token})
    assert [one["active"] for one in answers] == [
        True,
        False,
        False,
        True,
        False,
        True,
        False,
        True,
    ]
    assert [one.get("sub") for one in answers if one["active"]] == [
        *(alice["subscriber_id"], bob["subscriber_id"]),
        *(alice["subscriber_id"], bob["subscriber_id"]),
    ]
    assert await asked(server, {"tokens": []}) == {"tokens": []}


async def test_a_hundred_tokens_are_answered_and_one_more_is_refused(server: Server) -> None:
    pair = await server.sign_in("alice", scope="sat:refresh", fingerprint="A" * 43)
    tokens = [pair["token"] + "x" * 1200] * (MAX_TOKENS - 1)
    answers = (await asked(server, {"tokens": [*tokens, pair["token"]]}))["tokens"]
    assert answers[:-1] == [INACTIVE] * (MAX_TOKENS - 1)
    assert answers[-1]["active"]
    answer = await server.client.post(
        PATH, json={"tokens": ["x"] * (MAX_TOKENS + 1)}, auth=server.tenant.auth
    )
    assert field_errors(answer) == [invalid("Tokens must be up to 100 tokens", "tokens")]
    answer = await server.client.post(
        PATH, json={"tokens": ["x" * 3000] * MAX_TOKENS}, auth=server.tenant.auth
    )
    plain(answer, 413)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [missing("token")]),
        ({"token": None}, [missing("token")]),
        (
            {"tokn": "x"},
            [
                invalid("Tokn is not a known parameter; did you mean token?", "tokn"),
                missing("token"),
            ],
        ),
        (
            {"token": "x", "tokens": ["x"]},
            [invalid("Tokens must not be given together with token", "tokens")],
        ),
        ({"token": 1}, [("not_a_string", "Token must be a string", "token")]),
        (
            {"tokens": ["x", 1]},
            [("not_an_array_of_strings", "Tokens must be an array of strings", "tokens")],
        ),
    ],
)
async def test_each_fault_of_naming_tokens(
    server: Server, body: dict[str, object], expected: list[FieldError]
) -> None:
    answer = await server.client.post(PATH, json=body, auth=server.tenant.auth)
    assert field_errors(answer) == expected


async def test_answer_names_what_ends_the_token(server: Server) -> None:
    address = server.tenant.addresses[0]
    answer = await server.client.post(
        "/api/fabric/guests/tokens",
        json={"allowed_addresses": [str(address.id)]},
        auth=server.tenant.auth,
    )
    found = await asked(server, {"token": said(answer, 201)["token"]})
    assert {found["session_id"], found["sub"], found["project_id"], str(address.id)} <= {
        *found["depends_on"]
    }
    assert found["depends_on"][-1] == f"key:{server.services.cipher.keyring.active.id}"


async def test_deleted_addresses_are_not_among_those_that_a_token_is_good_for(
    server: Server,
) -> None:
    gone, left = (str(one.id) for one in server.tenant.addresses[:2])
    answer = await server.client.post(
        "/api/fabric/guests/tokens",
        json={"allowed_addresses": [gone, left]},
        auth=server.tenant.auth,
    )
    token = said(answer, 201)["token"]
    assert (await asked(server, {"token": token}))["allowed_addresses"] == [gone, left]
    path = f"/api/satmint/addresses/{gone}"
    assert (await server.client.delete(path, auth=server.tenant.auth)).status_code == 204
    found = await asked(server, {"token": token})
    assert found["allowed_addresses"] == [left]
    assert {gone, left} <= {*found["depends_on"]}


async def test_outcomes_are_counted(server: Server) -> None:
    pair = await server.sign_in("alice")
    await asked(server, {"tokens": [pair["token"], "x", "y"]})
    await asked(server, {"token": "x"})
    counted = server.service.metrics.introspections
    assert (counted["active"], counted["inactive"]) == (1, 3)


async def test_permission_to_introspect_allows_nothing_else(server: Server) -> None:
    auth = await api_token(server, "introspect")
    both = await api_token(server, "introspect", "management")
    pair = await server.sign_in("alice")
    for credentials in (auth, both):
        answer = await server.client.post(PATH, json={"token": pair["token"]}, auth=credentials)
        assert said(answer, 200)["active"]
    for operation in OPERATIONS:
        needed = operation.authentication.permissions
        if not needed or "introspect" in needed:
            continue
        path = re.sub(r"\{\w+\}", ID, operation.path)
        answer = await server.client.request(operation.method, path, auth=auth)
        plain(answer, 401)
    answer = await server.client.post(
        PATH, json={"token": pair["token"]}, auth=await api_token(server, "calling", "video")
    )
    plain(answer, 401)


async def test_what_is_no_token_of_the_project_costs_no_read(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, other = await server.sign_in("alice"), await server.another_tenant()
    garbage = ["", "x", "a.b.c.d.e", pair["token"][:-1], pair["token"] + "x"]
    monkeypatch.setattr(server.services, "store", None)
    found = await introspect_many(server.services, server.tenant.id, garbage)
    found_elsewhere = await introspect_many(server.services, other.id, [pair["token"]])
    assert [*found.tokens, *found_elsewhere.tokens] == [Introspection(active=False)] * 6
