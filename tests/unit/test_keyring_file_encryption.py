"""A keyring that rests wrapped: where its key is had from, and what happens when it cannot be."""

import asyncio
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from satmint import assembly, keyring_kek, keyring_watch, stores
from satmint.jose import Keyring, KeyringError
from satmint.keyring_file import open_keyring, read_keyring, write_keyring
from satmint.keyring_kek import KeyringWrapper, wrapping_key
from satmint.maintenance import init_keyring, list_keys, remove_key, rotate_keyring, wrap_keyring
from satmint.model.base64url import b64url
from satmint.settings import Settings, SettingsError
from satmint.store.contract import Store
from tests.kit.clock import NOW, FrozenClock
from tests.kit.entropy import SeededEntropy
from tests.kit.polling import until, wait_until
from tests.kit.service import a_service

KEY = SeededEntropy("kek").take(32)
OTHER = SeededEntropy("other kek").take(32)
RING = Keyring.new(SeededEntropy(), NOW)
CLOCK = FrozenClock()
KEK = "env:KEK"

Program = Callable[[str], str]
"""Makes a command out of a Python program; returns what `keyring_kek` says of it."""


@pytest.fixture(autouse=True)
def _kek(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEK", b64url(KEY))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    def made(text: str) -> str:
        file = tmp_path / "kms"
        file.write_text(f"#!{sys.executable}\n{text}\n")
        file.chmod(0o700)
        return f"command:{file}"

    return made


def why_no_key(source: str) -> str:
    with pytest.raises(KeyringError) as refusal:
        wrapping_key(source)
    return str(refusal.value)


def everything_in(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_stolen_file_holds_no_key(tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    init_keyring(file, CLOCK, SeededEntropy(), KEK)
    rotate_keyring(file, CLOCK, SeededEntropy("rotation"), KEK)
    found = read_keyring(file, KeyringWrapper(KEK, SeededEntropy()))
    stolen = everything_in(tmp_path)
    assert len(found.keys) == 2
    for key in found.keys:
        assert b64url(key.secret).encode() not in stolen
        assert key.secret not in stolen
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_in_the_clear_is_ever_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, written = tmp_path / "keyring.json", [b""]
    sync = os.fsync

    def watched(handle: int) -> None:
        written.append(everything_in(tmp_path))
        sync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    init_keyring(file, CLOCK, SeededEntropy(), KEK)
    newest = rotate_keyring(file, CLOCK, SeededEntropy("rotation"), KEK)
    remove_key(file, newest[1].id, KEK)
    wrap_keyring(file, KEK, KEK, SeededEntropy("again"))
    assert len(written) > 4
    assert b'"k"' not in b"".join(written)


def test_file_that_was_tampered_with_is_not_taken(tmp_path: Path) -> None:
    file, wrapping = tmp_path / "keyring.json", KeyringWrapper(KEK, SeededEntropy())
    write_keyring(file, RING, wrapping)
    text = file.read_text()
    file.write_text(text[:-10] + ("A" if text[-10] != "A" else "B") + text[-9:])
    with pytest.raises(SettingsError) as refusal:
        open_keyring(file, CLOCK, SeededEntropy(), create=False, kek=KEK)
    assert str(refusal.value) == (
        f"cannot use the keyring at {file}: the wrapped keyring is damaged, or was tampered with"
    )


def test_file_in_the_clear_is_not_taken_in_place_of_a_wrapped_one(tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    write_keyring(file, RING)
    for create in (False, True):
        with pytest.raises(SettingsError) as refusal:
            open_keyring(file, CLOCK, SeededEntropy(), create=create, kek=KEK)
        assert str(refusal.value).endswith("but it is not wrapped: run `satmint keys wrap`")
    assert read_keyring(file) == RING


def test_wrapped_file_without_a_key_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    made = open_keyring(file, CLOCK, SeededEntropy(), create=True, kek=KEK)
    with pytest.raises(KeyringError) as refusal:
        read_keyring(file)
    assert (
        str(refusal.value)
        == "the keyring is wrapped: set keyring_kek, or pass --from to change the wrapping key"
    )
    assert read_keyring(file, KeyringWrapper(KEK, SeededEntropy())) == made


def test_wrapped_keyring_in_a_variable_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapping = KeyringWrapper(KEK, SeededEntropy())
    monkeypatch.setenv("RING", wrapping.wrapped(RING))
    assert read_keyring(Path("env:RING"), wrapping) == RING
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as refusal:
        rotate_keyring(Path("env:RING"), CLOCK, SeededEntropy("later"), KEK)
    assert str(refusal.value).endswith("cannot write a keyring in a variable: change the variable")


def test_rotation_that_cannot_be_wrapped_leaves_the_file(tmp_path: Path, program: Program) -> None:
    file = tmp_path / "keyring.json"
    once = tmp_path / "once"
    kek = program(
        f"import pathlib, sys\nonce = pathlib.Path({str(once)!r})\n"
        f"print({b64url(KEY)!r}) if not once.exists() else sys.exit(3)\nonce.touch()"
    )
    write_keyring(file, RING, KeyringWrapper(KEK, SeededEntropy()))
    before = file.read_bytes()
    with pytest.raises(SettingsError) as refusal:
        rotate_keyring(file, CLOCK, SeededEntropy("later"), kek)
    assert "failed with 3" in str(refusal.value)
    assert file.read_bytes() == before


def test_key_is_had_from_wherever_it_is(tmp_path: Path, program: Program) -> None:
    file = tmp_path / "kek"
    file.write_text(b64url(KEY) + "\n")
    assert wrapping_key("env:KEK") == KEY
    assert wrapping_key(f"file:{file}") == KEY
    assert wrapping_key(program(f"print({b64url(KEY)!r})")) == KEY
    # As key management services say it.
    assert wrapping_key(program(f"import base64; print(base64.b64encode({KEY!r}).decode())")) == KEY


def test_command_gets_its_words_and_no_shell(program: Program) -> None:
    words = ["$(touch x)", "a b", ";", "`id`"]
    kek = program(f"import sys; print({b64url(KEY)!r} if sys.argv[1:] == {words!r} else sys.argv)")
    assert wrapping_key(kek + " '$(touch x)' 'a b' ; `id`") == KEY


def test_source_that_tells_no_key_is_named_and_what_it_told_is_not(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT", "c2VjcmV0")
    (tmp_path / "binary").write_bytes(b"\xff" * 32)
    for source, said in (
        ("env:NOWHERE", "the variable NOWHERE, which keyring_kek names, is not set"),
        ("env:SHORT", "env of keyring_kek must contain 32 bytes in base64url"),
        (f"file:{tmp_path}/binary", "file of keyring_kek must contain 32 bytes in base64url"),
        (
            f"file:{tmp_path}/none",
            f"cannot read {tmp_path}/none, which keyring_kek names: no such file or directory",
        ),
        (
            "command:/no/such/program",
            "cannot run /no/such/program, the command of keyring_kek: no such file or directory",
        ),
        ("command:' '", "cannot run  , the command of keyring_kek: no such file or directory"),
        ("command: ", "the command of keyring_kek is empty"),
        ("command:'x", "the command of keyring_kek has an unclosed quotation mark"),
        ("vault:x", "keyring_kek must begin with env:, file: or command:"),
    ):
        assert why_no_key(source) == said
    failing = program("import sys; print('secret', file=sys.stderr); sys.exit(7)")
    assert why_no_key(failing) == f"{tmp_path}/kms, the command of keyring_kek, failed with 7"
    silent = program("print('not base64 !')")
    assert why_no_key(silent) == "command of keyring_kek must contain 32 bytes in base64url"


def test_command_that_hangs_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_kek, "COMMAND_SECONDS", 1.0)
    file = tmp_path / "kms"
    file.write_text(f"#!/bin/sh\ntail -f /dev/null &\necho $! > {tmp_path}/pid\nwait\n")
    file.chmod(0o700)
    # Its child has its standard output, and would hold us for ever.
    assert why_no_key(f"command:{file}") == f"{file}, the command of keyring_kek, took over 1 s"
    state = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    wait_until(lambda: not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z")


async def test_service_reads_a_rotated_wrapped_keyring_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_service(tmp_path, keyring_kek=KEK) as server:
        pair = await server.sign_in()
        file = server.service.keyring_watch.file
        newest = rotate_keyring(file, server.clock, SeededEntropy("rotation"), KEK)
        await server.service.keyring_watch.reload()
        assert server.services.cipher.keyring.active.id == newest[0].id
        await server.rotate(pair["refresh_token"])

        # Without its key nothing changes: what is in use stays in use.
        monkeypatch.setenv("KEK", b64url(OTHER))
        with capture_logs() as lines:
            await server.service.keyring_watch.reload()
        assert [(line["event"], line["reason"]) for line in lines] == [
            (
                "keyring_not_reloaded",
                "keyring_kek is not the key that the keyring was wrapped with",
            )
        ]
        assert server.services.cipher.keyring.active.id == newest[0].id
        await server.sign_in()
        assert "satmint_keyring_stale 1.0" in await server.scrape()

        monkeypatch.setenv("KEK", b64url(KEY))
        await server.service.keyring_watch.reload()
        assert "satmint_keyring_stale 0.0" in await server.scrape()


def test_wrapped_by_another_key_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keyring.json"
    monkeypatch.setenv("OTHER", b64url(OTHER))
    init_keyring(file, CLOCK, SeededEntropy(), KEK)
    keys = list_keys(file, KEK)
    assert wrap_keyring(file, "env:OTHER", KEK, SeededEntropy()) == 1
    assert list_keys(file, "env:OTHER") == keys
    with pytest.raises(SettingsError):
        list_keys(file, KEK)


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyring is looked at all the time, not every two seconds."""
    monkeypatch.setattr(keyring_watch, "_POLL_SECONDS", 0.01)


@pytest.mark.usefixtures("watchful")
async def test_keyring_that_could_not_be_read_is_tried_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_service(tmp_path, keyring_kek=KEK) as server:
        service, cipher = server.service, server.services.cipher
        watching = asyncio.create_task(service.keyring_watch.run())
        newest = rotate_keyring(service.keyring_watch.file, CLOCK, SeededEntropy("rotation"), KEK)[
            0
        ]
        service.reload_files()
        await until(lambda: cipher.keyring.active.id == newest.id)
        monkeypatch.setenv("KEK", b64url(OTHER))
        service.reload_files()
        await until(lambda: service.keyring_watch.stale)
        monkeypatch.setenv("KEK", b64url(KEY))
        # Nobody says anything, and the file is as it was.
        await until(lambda: not service.keyring_watch.stale)
        watching.cancel()


@pytest.mark.usefixtures("watchful")
async def test_keyring_that_changes_while_the_server_starts_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = stores.open_store

    async def slowly(
        settings: Settings,
        now: int,
        observe: Callable[[int], None],
        **chosen: Any,  # noqa: ANN401 - passed on
    ) -> Store:
        rotate_keyring(Path(settings.keyring), CLOCK, SeededEntropy("rotation"), KEK)
        return await opened(settings, now, observe, **chosen)

    monkeypatch.setattr(assembly, "open_store", slowly)
    async with a_service(tmp_path, keyring_kek=KEK) as server:
        watching = asyncio.create_task(server.service.keyring_watch.run())
        await until(lambda: len(server.services.cipher.keyring.keys) == 2)
        watching.cancel()


@pytest.mark.usefixtures("watchful")
async def test_nobody_waits_while_a_slow_service_is_asked_for_the_key(
    tmp_path: Path, program: Program
) -> None:
    slow = tmp_path / "slow"
    kek = program(
        f"import os, pathlib\nslow = pathlib.Path({str(slow)!r})\n"
        f"print(slow.read_text() if slow.exists() else {b64url(KEY)!r})"
    )
    async with a_service(tmp_path, keyring_kek=kek) as server:
        service, former = server.service, server.services.cipher.keyring
        newest = rotate_keyring(service.keyring_watch.file, CLOCK, SeededEntropy("rotation"), kek)[
            0
        ]
        os.mkfifo(slow)
        watching = asyncio.create_task(service.keyring_watch.run())
        service.reload_files()
        # Who opens it for writing waits until the program reads, and the program until it is told.
        told = await asyncio.to_thread(slow.open, "w")
        await server.sign_in()
        assert server.services.cipher.keyring == former
        told.write(b64url(KEY))
        told.close()
        await until(lambda: server.services.cipher.keyring.active.id == newest.id)
        watching.cancel()


def test_file_that_is_no_text_is_refused_as_such(tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    file.write_bytes(b"\xff\xfe{}")
    with pytest.raises(KeyringError, match=r"^the keyring is not UTF-8$"):
        read_keyring(file)
