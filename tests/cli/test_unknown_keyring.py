"""A keyring of which no key has ever served the database is noticed, on each store."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from satmint import keyring_watch
from satmint.flows.keys import adopt_keyring
from satmint.maintenance import (
    check_database,
    keyring_is_known,
    remove_key,
    rotate_keyring,
)
from tests.kit.databases import DATABASES, fresh_database
from tests.kit.entropy import SeededEntropy
from tests.kit.polling import until
from tests.kit.service import Server, a_service


@pytest.fixture(params=DATABASES)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return await fresh_database(request.param, tmp_path)


def told(lines: list[Any]) -> list[str]:
    return [line["event"] for line in lines if line["event"].startswith("keyring_")]


async def readiness(server: Server) -> tuple[int, list[str]]:
    async with server.client_at("127.0.0.1") as client:
        answer: httpx.Response = await client.get("/readyz")
    return answer.status_code, answer.json().get("warnings", [])


async def known(server: Server) -> bool | None:
    """What `satmint db check` finds."""
    settings = server.service.settings
    health = await asyncio.to_thread(check_database, settings)
    return keyring_is_known(settings, health)


async def test_keyring_that_never_served_the_database_is_warned_of_until_it_is_confirmed(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_watch, "_POLL_SECONDS", 0.01)
    with capture_logs() as lines:
        async with a_service(tmp_path, database=database) as server:
            assert told(lines) == []
            assert await readiness(server) == (200, [])
            assert await known(server)
            session = await server.sign_in()
    other = tmp_path / "other"
    other.mkdir()
    with capture_logs() as lines:
        async with a_service(
            tmp_path, tenant=server.tenant, database=database, keyring=str(other / "keyring.json")
        ) as wrong:
            (line,) = [line for line in lines if line["event"] == "keyring_unknown"]
            assert line["log_level"] == "warning"
            assert "satmint keys adopt" in line["remedy"]
            assert line["meaning"]
            assert line["active"] == wrong.services.cipher.keyring.active.id
            assert await readiness(wrong) == (200, ["keyring_unknown"])
            assert "satmint_keyring_unknown 1.0" in await wrong.scrape()
            assert await known(wrong) is False
            assert (await wrong.info(session["token"])).status_code == 401
            assert "satmint_tokens_of_unknown_keys 1.0" in await wrong.scrape()

            watching = asyncio.create_task(wrong.service.keyring_watch.run())
            await adopt_keyring(wrong.services)
            await until(lambda: not wrong.service.keyring_watch.unknown)
            watching.cancel()
            assert told(lines) == ["keyring_unknown", "keyring_known"]
            assert await readiness(wrong) == (200, [])
            assert "satmint_keyring_unknown 0.0" in await wrong.scrape()
            assert await known(wrong)
    with capture_logs() as lines:
        async with a_service(tmp_path, tenant=server.tenant, database=database):
            assert told(lines) == ["keyring_unknown"]  # the former one, from now on


async def test_rotated_and_retired_keys_are_of_the_same_keyring(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_watch, "_POLL_SECONDS", 0.01)
    file = tmp_path / "keyring.json"
    with capture_logs() as lines:
        async with a_service(tmp_path, database=database) as server:
            former = server.services.cipher.keyring.active.id
            watching = asyncio.create_task(server.service.keyring_watch.run())
            newest, *_ = rotate_keyring(file, server.clock, SeededEntropy("rotation"))
            watch = server.service.keyring_watch
            await until(lambda: len(server.services.cipher.keyring.keys) == 2)
            await until(lambda: watch._is_recorded)
            assert await server.service.store.known_keys.ids() == {former, newest.id}
            watching.cancel()
        remove_key(file, former)
        async with a_service(tmp_path, tenant=server.tenant, database=database) as server:
            assert await known(server)
    assert "keyring_unknown" not in told(lines)


async def test_keyring_is_neither_right_nor_wrong_before_a_server_has_started(
    tmp_path: Path, database: str
) -> None:
    async with a_service(tmp_path, database=database) as server:
        await server.service.store.known_keys.replace([], 0)
        assert await known(server) is None
        elsewhere = msgspec.structs.replace(server.service.settings, keyring="/nowhere")
        health = await asyncio.to_thread(check_database, elsewhere)
        assert keyring_is_known(elsewhere, health) is None
