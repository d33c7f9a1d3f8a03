"""A set-up without fault: nothing is found that an operator would have to look at."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from satmint.doctor import examine
from satmint.doctor.finding import Level
from tests.kit.databases import SQLITE
from tests.kit.postgres import DURABLE, PostgresServer
from tests.kit.service import Server
from tests.kit.set_ups import SetUp, as_json, make_set_up

DATABASES = (SQLITE, "postgres")


@pytest.fixture(scope="module")
def durable_server() -> Iterator[PostgresServer]:
    server = PostgresServer(configuration=DURABLE)
    yield server
    server.stop()


@pytest.fixture(scope="module", params=DATABASES)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SetUp]:
    """A healthy deployment with its server."""
    database = ""
    if request.param != SQLITE:
        server = request.getfixturevalue("durable_server")
        database = server.new_database()
    set_up = make_set_up(tmp_path_factory.mktemp("healthy"), database)
    with set_up.serving():
        yield set_up


async def test_nothing_is_found_in_a_healthy_deployment(running: SetUp) -> None:
    found = await running.examine()
    assert found.bad == {}
    expected = {"keyring.readable", "database.keyring", "tls.names", "server.version"}
    expected |= {"public.url", "public.proxy", "cluster.api", "cluster.gateway", "admin.metrics"}
    for check in expected:
        assert found.of(check).level is Level.OK, found.of(check)


async def test_nothing_is_changed_beside_the_database(running: SetUp) -> None:
    before = running.files
    await running.examine()
    assert running.files == before


async def test_no_finding_contains_a_secret(running: SetUp) -> None:
    text = as_json(await running.examine())
    for key in json.loads((running.folder / "keyring.json").read_text())["keys"]:
        assert key["k"] not in text
    assert "BEGIN" not in text


async def test_a_deployment_whose_server_is_down_is_examined_as_far_as_possible(
    tmp_path: Path,
) -> None:
    set_up = make_set_up(tmp_path)
    before = set_up.files
    found = await set_up.examine()
    assert found.bad == {}
    found.assert_found("server.live", Level.SKIPPED, "no server answers", "satmint serve")
    for check in ("public.url", "cluster.api", "cluster.gateway"):
        found.assert_found(check, Level.SKIPPED, "nothing accepts", "satmint serve")
    assert set_up.files == before


async def test_log_of_a_server_that_was_killed_is_read_and_not_touched(tmp_path: Path) -> None:
    set_up = make_set_up(tmp_path)
    with set_up.serving() as server:
        server.process.kill()
        server.process.wait()
    contents = [set_up.content(name) for name in ("satmint.db", "satmint.db-wal")]
    assert contents[1]
    found = await set_up.examine()
    assert found.bad == {}
    assert found.of("database.incarnation").summary.endswith("its incarnation 1")
    assert [set_up.content(name) for name in ("satmint.db", "satmint.db-wal")] == contents


async def test_server_examines_itself(server_on_each_store: Server) -> None:
    """As the console does: its keyring is in memory, and its own listeners are not asked."""
    own = server_on_each_store
    settings = msgspec.structs.replace(
        own.service.settings, cluster_host=None, public_url=None, database_without_fsync=True
    )
    findings = await examine(settings, own.services)
    named = {one.check: one for one in findings}
    assert "server.live" not in named
    assert named["database.reachable"].level is Level.OK
    assert named["database.schema"].level is Level.OK
    assert named["keyring.uses"].level is Level.OK
    assert named["limits.open_files"].summary.startswith("each process of the server")
