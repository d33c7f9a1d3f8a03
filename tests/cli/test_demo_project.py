"""The demo project: found again as it was, and whatever is missing of it made once more."""

import json
import stat
from pathlib import Path

import msgspec
import pytest

from satmint.cli.demo import DemoProject, ensure_demo, read_saved_demo
from satmint.flows.addresses import delete_address
from satmint.flows.credentials import delete_api_token, disable_c2c_token
from satmint.flows.lookup import find_api_token, find_c2c_token, list_projects
from satmint.model.permissions import Permission
from satmint.settings import Settings
from tests.kit.service import ORIGIN, Server


@pytest.fixture
def settings(server: Server) -> Settings:
    return msgspec.structs.replace(server.service.settings, cluster_host="puc.localhost:8443")


async def texts(
    server: Server, folder: Path, settings: Settings
) -> tuple[DemoProject, tuple[object, ...]]:
    demo = await ensure_demo(folder, server.services, settings)
    return demo, (demo.id, demo.api_token.reveal(), demo.c2c_token.reveal(), demo.addresses)


async def test_second_start_finds_what_the_first_made(
    server: Server, tmp_path: Path, settings: Settings
) -> None:
    demo, first = await texts(server, tmp_path, settings)
    before = await server.rows()
    _, second = await texts(server, tmp_path, settings)
    assert second == first
    assert await server.rows() == before
    token = await find_api_token(server.services.store, demo.api_token.reveal(), demo.id)
    assert token is not None
    assert token.permissions == frozenset(Permission)
    assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600


async def test_host_of_the_latest_start_is_kept_for_other_commands(
    server: Server, tmp_path: Path, settings: Settings
) -> None:
    _, first = await texts(server, tmp_path, settings)
    elsewhere = msgspec.structs.replace(settings, cluster_host="puc.localhost:9443")
    _, second = await texts(server, tmp_path, elsewhere)
    assert second == first
    kept = read_saved_demo(tmp_path)
    assert kept is not None
    assert kept.cluster_host == "puc.localhost:9443"
    assert "PT" not in repr(kept)


async def test_what_was_deleted_is_made_anew_and_the_rest_kept(
    server: Server, tmp_path: Path, settings: Settings
) -> None:
    demo, _ = await texts(server, tmp_path, settings)
    api_token = await find_api_token(server.services.store, demo.api_token.reveal())
    c2c_token = await find_c2c_token(server.services.store, demo.c2c_token.reveal())
    assert api_token is not None
    assert c2c_token is not None
    await delete_api_token(server.services, demo.id, api_token.id, ORIGIN)
    await disable_c2c_token(server.services, demo.id, c2c_token.id, ORIGIN)
    await delete_address(server.services, demo.id, demo.addresses[1].id, ORIGIN)
    again, _ = await texts(server, tmp_path, settings)
    assert again.id == demo.id
    assert again.api_token.reveal() != demo.api_token.reveal()
    assert again.c2c_token.reveal() != demo.c2c_token.reveal()
    assert [a.name for a in again.addresses] == [a.name for a in demo.addresses]
    assert [a.id == b.id for a, b in zip(again.addresses, demo.addresses, strict=True)] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"api_token": 7}', None])
async def test_lost_credentials_are_made_anew_for_the_same_project(
    server: Server, tmp_path: Path, settings: Settings, content: str | None
) -> None:
    demo, _ = await texts(server, tmp_path, settings)
    if content is None:
        (tmp_path / "demo.json").unlink()
    else:
        (tmp_path / "demo.json").write_text(content)
    again, _ = await texts(server, tmp_path, settings)
    assert again.id == demo.id
    assert again.api_token.reveal() != demo.api_token.reveal()
    assert len(await list_projects(server.services.store)) == 2  # the kit has one of its own


async def test_credentials_of_another_database_are_not_offered(
    server: Server, tmp_path: Path, settings: Settings
) -> None:
    demo, _ = await texts(server, tmp_path, settings)
    file = tmp_path / "demo.json"
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "database": "sqlite:////elsewhere.db"}))
    again, _ = await texts(server, tmp_path, settings)
    assert again.api_token.reveal() != demo.api_token.reveal()
    assert json.loads(file.read_text())["database"] == settings.database
