"""Each step of a request with an idempotency key fails once; its repetition makes one thing."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import pytest

from tests.faults.failing_store import FailNth, FailurePoint
from tests.http.answer_contract import field_errors
from tests.http.test_idempotency_keys import (
    ADDRESSES,
    C2C,
    GUESTS,
    LATER,
    PROJECT_TOKENS,
    SUBSCRIBERS,
    TABLES,
    WEBHOOKS,
)
from tests.kit.controlled_server import a_controlled
from tests.kit.databases import DATABASES, SQLITE, fresh_database
from tests.kit.postgres import held
from tests.kit.service import TOKENS, Json, Server, a_service, said
from tests.store import test_sqlite_locks
from tests.store.tables import settled

CREATE_TOKEN: Final = "create-project-token"
PATHS: Final = (TOKENS, GUESTS, SUBSCRIBERS, PROJECT_TOKENS, ADDRESSES, C2C, WEBHOOKS)


def body_of(server: Server, path: str, number: int) -> Json:
    """A body that nobody sent before."""
    address, name = str(server.tenant.addresses[0].id), f"name-{number}"
    bodies: dict[str, Json] = {
        TOKENS: {"reference": name},
        GUESTS: {"allowed_addresses": [address]},
        SUBSCRIBERS: {"email": f"{name}@example.com"},
        PROJECT_TOKENS: {"name": name, "permissions": ["calling"]},
        ADDRESSES: {"name": name, "type": "room"},
        C2C: {"name": name, "address_id": address},
        WEBHOOKS: {"url": f"https://hooks.example.com/{number}"},
    }
    return bodies[path]


async def test_a_call_of_the_store_that_fails_is_healed_by_a_repetition(
    server_on_each_store: Server,
) -> None:
    server, number = server_on_each_store, 0
    services, good = server.services, server.service.store

    async def post(path: str) -> httpx.Response:
        return await server.client.post(
            path,
            json=body_of(server, path, number),
            auth=server.tenant.auth,
            headers={"Idempotency-Key": f"key-{number}"},
        )

    async def count() -> int:
        return sum(len(rows) for rows in (await server.rows(*TABLES, "keyed_requests")).values())

    for path in PATHS:
        number += 1
        server.clock.advance(1)
        before, calls = await count(), FailNth(good, nth=0)
        services.store = calls.store
        assert (await post(path)).is_success
        rows, steps = await count() - before, len(calls.calls)
        for nth in range(1, steps + 1):
            for moment in FailurePoint:
                number += 1
                # A new second, so that the caller is looked up again.
                server.clock.advance(1)
                before, failing = await count(), FailNth(good, nth, moment)
                services.store = failing.store
                assert (await post(path)).status_code == 503, failing.calls
                services.store = good
                again = await post(path)
                assert again.is_success, (failing.calls, again.text)
                made = (nth, moment) == (steps, FailurePoint.AFTER)
                assert ("Idempotent-Replayed" in again.headers) == made
                assert await count() - before == rows


async def test_an_answer_that_was_lost_on_the_way_is_had_again(tmp_path: Path) -> None:
    async with a_controlled(tmp_path) as server:
        body = body_of(server, PROJECT_TOKENS, 1)

        async def post() -> httpx.Response:
            return await server.client.post(
                PROJECT_TOKENS,
                json=body,
                auth=server.tenant.auth,
                headers={"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'},
            )

        await server.arm(kind="lose_answer", operation=CREATE_TOKEN)
        with pytest.raises(httpx.RemoteProtocolError):
            await post()
        answer = await post()
        assert answer.headers["Idempotent-Replayed"] == "true"
        auth = httpx.BasicAuth(str(server.tenant.id), said(answer, 200)["token"])
        assert (await server.client.get(SUBSCRIBERS, auth=auth)).status_code == 200
        assert len((await server.rows("api_tokens"))["api_tokens"]) == 2


async def test_a_new_api_token_works_where_its_use_cannot_be_recorded_and_is_marked_later(
    server_on_each_store: Server,
) -> None:
    server = server_on_each_store
    services, good = server.services, server.service.store
    answer = await server.client.post(
        PROJECT_TOKENS,
        json=body_of(server, PROJECT_TOKENS, 1),
        auth=server.tenant.auth,
        headers={"Idempotency-Key": "key"},
    )
    auth = httpx.BasicAuth(str(server.tenant.id), said(answer, 200)["token"])

    async def unused() -> bool:
        token = await good.projects.api_token(server.tenant.id, UUID(answer.json()["id"]))
        assert token is not None
        return token.unused

    services.store = (failing := FailNth(good, nth=2)).store
    assert (await server.client.get(SUBSCRIBERS, auth=auth)).status_code == 200
    assert failing.calls[1] == "projects.mark_api_token_used"
    await settled(good)  # the background task has recorded the use, which nobody has to repeat
    assert not await unused()


@pytest.mark.parametrize("database", DATABASES)
async def test_used_tokens_are_not_issued_again_while_their_mark_cannot_be_written(
    database: str, tmp_path: Path
) -> None:
    url = await fresh_database(database, tmp_path)
    async with a_service(tmp_path, database=url) as server, AsyncExitStack() as stack:

        async def post() -> httpx.Response:
            body, auth = {"reference": "alice"}, server.tenant.auth
            headers = {"Idempotency-Key": "key"}
            return await server.client.post(TOKENS, json=body, auth=auth, headers=headers)

        token = said(await post(), 200)["token"]
        server.clock.advance(LATER)
        if database == SQLITE:
            stack.enter_context(test_sqlite_locks.held(tmp_path / "satmint.db"))
        else:
            row = "SELECT 1 FROM sessions WHERE session_id = $1 FOR UPDATE"
            await stack.enter_async_context(held(url, row, server.claims(token).sid))
        assert (await server.info(token)).status_code == 200
        ((code, _, _),) = field_errors(await post())
        assert code == "idempotency_result_unavailable"
