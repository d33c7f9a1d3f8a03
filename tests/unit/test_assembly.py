"""From settings to a server, and the keyring file beside it."""

import json
import os
import resource
import stat
from pathlib import Path
from uuid import UUID

import pytest

from satmint.assembly import assembled
from satmint.flows.policy import Policy
from satmint.gateway import Limits
from satmint.jose import Keyring, KeyringError
from satmint.keyring_file import open_keyring, read_keyring, write_keyring
from satmint.model.demo import Demo
from satmint.model.secrets import SecretText
from satmint.policies import external_urls, limits_of, policy_of
from satmint.settings import Settings, SettingsError
from satmint.stores import sqlite_path
from tests.kit.clock import NOW, FrozenClock
from tests.kit.entropy import SeededEntropy
from tests.kit.service import a_service

CLOCK = FrozenClock()


@pytest.mark.parametrize(
    ("database", "path"),
    [
        ("sqlite:///satmint.db", "satmint.db"),
        ("sqlite:////var/lib/satmint.db", "/var/lib/satmint.db"),
        ("sqlite:///a%20b.db", "a b.db"),
    ],
)
def test_database_is_named_by_a_url(database: str, path: str) -> None:
    assert sqlite_path(database) == Path(path)


@pytest.mark.parametrize(
    "database", ["", "satmint.db", "sqlite://satmint.db", "sqlite:///", "mysql:///x", "/x.db"]
)
def test_database_of_no_known_kind_is_refused(database: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        sqlite_path(database)
    assert str(refusal.value) == (
        "database must be of the form sqlite:///path/to/file or postgresql://user@host/name"
    )


def test_defaults_of_the_settings_are_those_of_the_policy() -> None:
    assert policy_of(Settings()) == Policy()


def test_projects_whose_proofs_are_strict() -> None:
    one, other = UUID(int=1), UUID(int=2)
    nobody, some, all_ = (
        policy_of(Settings(strict_proofs=asked)) for asked in ((), (str(one),), (str(one), "*"))
    )
    assert [p.proof_rules(one).strict for p in (nobody, some, all_)] == [False, True, True]
    assert [p.proof_rules(other).strict for p in (nobody, some, all_)] == [False, False, True]


def test_urls_that_the_api_is_reached_at(tmp_path: Path) -> None:
    policy = Policy(cluster_host="puc.example.com:8443", regions={"eu": "a.eu.example", "us": None})
    urls = {
        "https://sat.example.com",
        "https://fabric.example.com:8443",
        "https://fabric.eu.example",
    }
    assert external_urls(policy, "https://sat.example.com") == urls
    assert external_urls(Policy(), "https://sat.example.com") == {"https://sat.example.com"}
    demo = Demo(
        project_id=UUID(int=1),
        api_token=SecretText("PT"),
        c2c_token=SecretText("c2c_"),
        addresses=(),
        http="http://127.0.0.1:8080",
        https="https://127.0.0.1:8444",
        ca_file=tmp_path / "ca.pem",
    )
    assert external_urls(Policy(), demo.http, demo) == {
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "https://127.0.0.1:8444",
        "https://localhost:8444",
    }


def test_keyring_is_written_for_its_owner_only_and_read_back(tmp_path: Path) -> None:
    file, ring = tmp_path / "keyring.json", Keyring.new(SeededEntropy(), NOW)
    write_keyring(file, ring)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_keyring(file) == ring
    rotated = ring.rotate(SeededEntropy("later"), NOW)
    write_keyring(file, rotated)
    assert read_keyring(file) == rotated
    assert [found.name for found in tmp_path.iterdir()] == ["keyring.json"]


def test_keyring_and_its_name_are_durable_before_a_key_of_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def watched(handle: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        synced.append(f"{kind}, {(tmp_path / 'keyring.json').exists()}")
        sync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    write_keyring(tmp_path / "keyring.json", Keyring.new(SeededEntropy(), NOW))
    assert synced == ["file, False", "folder, True"]


def test_keyring_left_over_from_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    file, ring = tmp_path / "keyring.json", Keyring.new(SeededEntropy(), NOW)
    (tmp_path / ".keyring.json.new").write_text("half a keyri")
    write_keyring(file, ring)
    assert read_keyring(file) == ring


def test_keyring_is_made_where_that_is_wanted_and_never_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    made = open_keyring(file, CLOCK, SeededEntropy(), create=True)
    assert open_keyring(file, CLOCK, SeededEntropy("other"), create=True) == made


def test_keyring_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    with pytest.raises(SettingsError) as refusal:
        open_keyring(file, CLOCK, SeededEntropy(), create=False)
    assert str(refusal.value) == (
        f"there is no keyring at {file}: create one with `satmint keys init`"
    )
    assert not file.exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"keys":[]}'])
def test_keyring_that_is_none_is_named_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "keyring.json"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as refusal:
        open_keyring(file, CLOCK, SeededEntropy(), create=True)
    assert str(refusal.value).startswith(f"cannot use the keyring at {file}: ")
    assert file.read_bytes() == content


async def test_rotated_keyring_is_taken_into_use_without_a_restart(tmp_path: Path) -> None:
    async with a_service(tmp_path) as server:
        before = await server.sign_in()
        file = server.service.keyring_watch.file
        ring = read_keyring(file)
        write_keyring(file, ring.rotate(SeededEntropy("rotation"), NOW))
        await server.service.keyring_watch.reload()
        assert server.services.cipher.keyring == read_keyring(file) != ring
        after = await server.rotate(before["refresh_token"])
        assert (await server.info(before["token"])).status_code == 200
        assert (await server.info(after["token"])).status_code == 200


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", None])
async def test_keyring_spoiled_while_in_use_is_not_taken(
    tmp_path: Path, content: bytes | None
) -> None:
    async with a_service(tmp_path) as server:
        pair, ring = await server.sign_in(), server.services.cipher.keyring
        if content is None:
            server.service.keyring_watch.file.unlink()
        else:
            server.service.keyring_watch.file.write_bytes(content)
        await server.service.keyring_watch.reload()
        assert server.services.cipher.keyring is ring
        assert (await server.info(pair["token"])).status_code == 200


async def test_keyring_read_again_unchanged_goes_on_with_the_same_working_key(
    tmp_path: Path,
) -> None:
    async with a_service(tmp_path) as server:
        before = await server.sign_in()
        await server.service.keyring_watch.reload()
        after = await server.sign_in()
        assert before["token"].split(".")[0] == after["token"].split(".")[0]


async def test_server_does_not_start_on_a_keyring_that_is_not_its_own(tmp_path: Path) -> None:
    settings = Settings(
        database=f"sqlite:///{tmp_path / 'satmint.db'}", keyring=str(tmp_path / "keyring.json")
    )
    (tmp_path / "keyring.json").write_text(json.dumps({"keys": [{"kty": "RSA"}]}))
    with pytest.raises(SettingsError) as refusal:
        async with assembled(settings):
            pass
    assert isinstance(refusal.value.__cause__, KeyringError)
    assert not (tmp_path / "satmint.db").exists()


async def test_after_a_restart_nothing_is_lost(tmp_path: Path) -> None:
    async with a_service(tmp_path) as server:
        pair, tenant, clock = await server.sign_in(), server.tenant, server.clock
    async with a_service(tmp_path, clock=clock, tenant=tenant) as server:
        assert (await server.info(pair["token"])).status_code == 200
        resent = await server.rotate(pair["refresh_token"])
        assert resent.keys() == {"token", "refresh_token"}


def test_keyring_in_a_variable_is_read_and_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ring, where = Keyring.new(SeededEntropy(), 0), Path("env:SATMINT_TEST_KEYRING")
    monkeypatch.setenv("SATMINT_TEST_KEYRING", ring.to_jwks())
    clock, entropy = FrozenClock(), SeededEntropy()
    assert open_keyring(where, clock, entropy, create=True) == ring
    with pytest.raises(KeyringError, match="change the variable"):
        write_keyring(where, ring)
    monkeypatch.delenv("SATMINT_TEST_KEYRING")
    with pytest.raises(SettingsError) as refusal:
        open_keyring(where, clock, entropy, create=True)
    assert str(refusal.value) == (
        "cannot use the keyring at env:SATMINT_TEST_KEYRING: the variable is not set"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "connections"), [(1024, 720), (300, 177), (40, 6), (65_536, 20_000), (-1, 20_000)]
)
def test_gateway_takes_on_no_more_than_there_can_be_open_files(
    monkeypatch: pytest.MonkeyPatch, files: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (files, files))
    limits = limits_of(Settings())
    assert limits == Limits(connections=connections)
