"""Set-ups that are broken in one way: it is found, with its remedy, and nothing else is."""

import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from satmint.doctor.finding import Level
from satmint.model.clock import SystemClock
from satmint.store.sqlite.migrations import known_migrations
from tests.kit.set_ups import SetUp, make_set_up, write_certificate

ERROR, WARNING = Level.ERROR, Level.WARNING


@pytest.fixture
def set_up(tmp_path: Path) -> SetUp:
    """A healthy deployment whose server does not run."""
    return make_set_up(tmp_path)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a deployment whose server has run: copy it."""
    made = make_set_up(tmp_path_factory.mktemp("used"))
    with made.serving() as server:
        server.stop()
    return made.folder


@pytest.fixture
def after_use(used: Path, tmp_path: Path) -> SetUp:
    """A deployment whose server has run, and that was not copied as far as anybody can tell."""
    shutil.copytree(used, tmp_path, dirs_exist_ok=True)
    return SetUp(tmp_path, {"database": f"sqlite:///{tmp_path}/satmint.db", "port": "1"}).changed(
        admin_port="0", cluster_host="puc.localhost:1", gateway_connections="100"
    )


async def test_keyring_of_another_deployment(after_use: SetUp) -> None:
    (await after_use.examine()).of("database.keyring")
    assert (await after_use.examine()).bad == {}
    (after_use.folder / "keyring.json").unlink()
    after_use.satmint("keys", "init")
    found = await after_use.examine()
    found.assert_found("database.keyring", ERROR, "no key of the keyring", "satmint keys adopt")
    assert found.bad == {"database.keyring": ERROR}


async def test_keyring_that_is_missing(set_up: SetUp) -> None:
    (set_up.folder / "keyring.json").unlink()
    found = await set_up.examine()
    found.assert_found("keyring.readable", ERROR, "there is no keyring", "satmint keys init")
    assert found.bad == {"keyring.readable": ERROR}


async def test_keyring_that_others_can_read(set_up: SetUp) -> None:
    (set_up.folder / "keyring.json").chmod(0o644)
    found = await set_up.examine()
    found.assert_found("keyring.permissions", ERROR, "mode 0644", "chmod 600")
    assert found.bad == {"keyring.permissions": ERROR}


async def test_database_that_was_copied_to_another_machine(after_use: SetUp) -> None:
    (after_use.folder / "incarnation.json").unlink()
    found = await after_use.examine()
    found.assert_found("database.incarnation", ERROR, "may be a copy", "satmint db adopt")
    assert found.bad == {"database.incarnation": ERROR}


async def test_database_that_is_an_older_copy(after_use: SetUp, used: Path) -> None:
    made = after_use.changed(port="0", admin_port="0")
    with made.serving() as server:
        server.stop()
    shutil.copyfile(used / "satmint.db", made.folder / "satmint.db")
    found = await made.examine()
    found.assert_found("database.incarnation", ERROR, "older copy", "satmint db adopt")
    assert found.bad == {"database.incarnation": ERROR}


async def test_database_that_is_missing(set_up: SetUp) -> None:
    (set_up.folder / "satmint.db").unlink()
    found = await set_up.examine()
    found.assert_found("database.reachable", ERROR, "does not exist", "satmint db migrate")
    assert found.bad == {"database.reachable": ERROR}


async def test_database_that_is_no_database(set_up: SetUp) -> None:
    (set_up.folder / "satmint.db").write_bytes(b"something else" * 1000)
    found = await set_up.examine()
    found.assert_found("database.reachable", ERROR, "not a database", "satmint db restore")


async def test_database_of_an_earlier_version(set_up: SetUp) -> None:
    file = set_up.folder / "satmint.db"
    last = known_migrations()[-1]
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE version = ?", (last.version,))
        connection.commit()
    found = await set_up.examine()
    found.assert_found("database.schema", ERROR, f"lacks {last.name}", "satmint db migrate")
    assert found.bad == {"database.schema": ERROR}


async def test_database_of_a_later_version(set_up: SetUp) -> None:
    with closing(sqlite3.connect(set_up.folder / "satmint.db")) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (9999, '9999_new', 'x', 0)")
        connection.commit()
    found = await set_up.examine()
    found.assert_found("database.schema", ERROR, "satmint", "the version of satmint")


async def test_rows_whose_project_was_deleted_by_hand(set_up: SetUp) -> None:
    set_up.satmint("project", "create", "one", "--database", set_up.options["database"])
    with closing(sqlite3.connect(set_up.folder / "satmint.db")) as connection:
        connection.execute("DELETE FROM projects")
        connection.commit()
    found = await set_up.examine()
    found.assert_found("database.references", ERROR, "1 API tokens", "satmint db check")
    assert found.bad == {"database.references": ERROR}


async def test_certificate_that_has_expired(set_up: SetUp) -> None:
    now = datetime.fromtimestamp(SystemClock().now(), UTC)
    days = timedelta(days=1)
    write_certificate(
        set_up.folder,
        *("fabric.localhost", "puc.localhost"),
        not_before=now - 9 * days,
        not_after=now - days,
    )
    found = await set_up.examine()
    found.assert_found("tls.dates", ERROR, "has expired", "renew the certificate")
    assert found.bad == {"tls.dates": ERROR}


async def test_certificate_that_expires_soon(set_up: SetUp) -> None:
    now = datetime.fromtimestamp(SystemClock().now(), UTC)
    names = ("fabric.localhost", "puc.localhost")
    write_certificate(set_up.folder, *names, not_after=now + timedelta(days=5))
    found = await set_up.examine()
    found.assert_found("tls.dates", WARNING, "expires in", "renew")


async def test_certificate_for_other_names(set_up: SetUp) -> None:
    write_certificate(set_up.folder, "puc.localhost", "www.example.com")
    found = await set_up.examine()
    found.assert_found("tls.names", ERROR, "not for fabric.localhost", "fabric.localhost")
    assert found.bad == {"tls.names": ERROR}


async def test_key_of_another_certificate(set_up: SetUp) -> None:
    key = (set_up.folder / "key.pem").read_bytes()
    write_certificate(set_up.folder, "fabric.localhost", "puc.localhost")
    (set_up.folder / "key.pem").write_bytes(key)
    found = await set_up.examine()
    found.assert_found("tls.certificate", ERROR, "does not belong", "one renewal")
    assert found.bad == {"tls.certificate": ERROR}


@pytest.mark.parametrize(
    ("host", "level", "said"),
    [("0.0.0.0", WARNING, "on all addresses"), ("8.8.8.8", ERROR, "public address")],
)
async def test_metrics_that_are_exposed(set_up: SetUp, host: str, level: Level, said: str) -> None:
    found = await set_up.changed(admin_host=host).examine()
    found.assert_found("admin.listener", level, said, "set admin_host")
    assert found.bad == {"admin.listener": level}


async def test_webhooks_into_private_networks(set_up: SetUp) -> None:
    found = await set_up.changed(
        private_webhooks="true", public_url="https://fabric.example.invalid"
    ).examine()
    found.assert_found("settings.private_webhooks", WARNING, "private networks", "private_webhooks")
    found.assert_found("public.url", ERROR, "no address in DNS", "DNS")


async def test_database_in_memory(set_up: SetUp) -> None:
    """Where a machine has such a file system: all do that have POSIX shared memory."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        found = await set_up.changed(database=f"sqlite:///{folder}/satmint.db").examine()
    found.assert_found("disk.file_system", WARNING, "in memory (tmpfs)", "local disk")


async def test_no_cluster_host_and_no_public_url(set_up: SetUp) -> None:
    options = {
        name: value
        for name, value in set_up.options.items()
        if name not in ("public-url", "cluster-host")
    }
    found = await SetUp(set_up.folder, {**options, "host": "0.0.0.0"}).examine()
    found.assert_found("settings.cluster_host", WARNING, "vendor's cloud", "set cluster_host")
    found.assert_found("public.url", WARNING, "public_url is not set", "set public_url")
