"""Files are written through symbolic links, and relative paths mean what they meant when given."""

import json
import os
import stat
from pathlib import Path
from uuid import UUID

import pytest

from satmint.assembly import assembled
from satmint.cli.certificate import ensure_certificate
from satmint.cli.demo import ensure_demo, read_saved_demo
from satmint.cli.program import run
from satmint.incarnation_file import MarkFile
from satmint.maintenance import rotate_keyring
from satmint.model.clock import SystemClock
from satmint.model.entropy import SystemEntropy
from satmint.model.incarnation import Mark
from satmint.private_file import is_open_to_others, real_path, replace_private_file
from satmint.settings import Settings
from tests.kit.clock import NOW

MARK = Mark(UUID(int=1), UUID(int=9), b"secret", NOW)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def link(folder: Path, name: str, target: Path) -> Path:
    """A symbolic link over another one, as certbot and Kubernetes make them."""
    between = folder / f"{name}.between"
    between.symlink_to(target)
    found = folder / name
    found.symlink_to(between.name)
    return found


@pytest.mark.parametrize("exists", [True, False])
def test_link_stays_and_the_file_behind_it_is_replaced(
    tmp_path: Path, volume: Path, *, exists: bool
) -> None:
    target = volume / "secret"
    if exists:
        target.write_text("before")
    named = link(tmp_path, "named", target)
    replace_private_file(named, "after")
    assert named.is_symlink()
    assert target.read_text() == "after"
    assert not target.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert files(volume) == [target]
    assert real_path(named) == target


def test_new_content_is_on_the_disk_before_it_has_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, steps = tmp_path / "secret", list[tuple[str, bytes]]()
    file.write_text("before")
    synced = os.fsync

    def fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        steps.append((path.name, path.read_bytes() if path.is_file() else file.read_bytes()))
        synced(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    replace_private_file(file, "after")
    assert steps == [(".secret.new", b"after"), (tmp_path.name, b"after")]


@pytest.mark.parametrize(
    ("user", "exists", "owner", "expected"),
    [
        (0, True, None, ["file"]),  # root's change leaves the file to its owner
        (0, False, "folder", ["folder"]),
        (0, False, None, []),
        (1, True, None, []),
    ],
)
def test_root_gives_the_file_to_the_owner_of_the_former_one(
    volume: Path,
    monkeypatch: pytest.MonkeyPatch,
    user: int,
    owner: str | None,
    expected: list[str],
    *,
    exists: bool,
) -> None:
    file = volume / "secret"
    if exists:
        file.write_text("before")
    owners = {"file": file, "folder": volume}
    given = list[tuple[int, int]]()
    stats = {
        name: (path.stat().st_uid, path.stat().st_gid)
        for name, path in owners.items()
        if path.exists()
    }
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "fchown", lambda _handle, *whom: given.append(whom))
    replace_private_file(file, "after", None if owner is None else owners[owner])
    assert given == [stats[name] for name in expected]


def test_circle_of_links_is_an_error_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    replace_private_file(tmp_path / "c", "x")
    with pytest.raises(OSError, match="symbolic links"):
        (tmp_path / "a").read_text()


def test_keyring_backup_and_database_are_written_through_links(
    tmp_path: Path, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("keyring.json", "satmint.db", "copy.db"):
        link(tmp_path, name, volume / name)
    assert run(["keys", "init"]) == 0
    assert run(["keys", "add"]) == 0
    assert run(["keys", "rotate"]) == 0
    assert len(json.loads((volume / "keyring.json").read_text())["keys"]) == 2
    assert run(["project", "create", "one"]) == 0
    assert run(["db", "backup", "copy.db"]) == 0
    assert (volume / "copy.db").is_file()
    assert run(["db", "backup", "copy.db"]) == 1
    assert run(["db", "restore", "copy.db", "--yes"]) == 0
    assert run(["db", "check"]) == 0
    for name in ("keyring.json", "satmint.db", "copy.db"):
        assert (tmp_path / name).is_symlink(), name
        assert not (volume / name).is_symlink(), name
    assert len(list(volume.glob("satmint.db.replaced-*"))) == 1


async def test_files_of_a_development_server_are_written_through_links(
    tmp_path: Path, volume: Path
) -> None:
    names = ("demo.json", "keyring.json", "ca.pem", "server.pem", "server.key")
    for name in names:
        link(tmp_path, name, volume / name)
    ensure_certificate(tmp_path, NOW)
    renewed = ensure_certificate(tmp_path, NOW + 380 * 86_400)
    settings = Settings(
        database=f"sqlite:///{tmp_path}/satmint.db", keyring=str(tmp_path / "keyring.json")
    )
    async with assembled(settings, create_keyring=True) as service:
        made = await ensure_demo(tmp_path, service.services, settings)
    saved = read_saved_demo(volume)
    assert saved is not None
    assert saved.project_id == made.id
    assert renewed.chain.read_bytes() == (volume / "server.pem").read_bytes()
    for name in names:
        assert (tmp_path / name).is_symlink(), name
        wanted = 0o644 if name in ("ca.pem", "server.pem") else 0o600
        assert stat.S_IMODE((volume / name).stat().st_mode) & 0o077 == wanted & 0o077, name


async def test_marks_are_found_from_another_folder_and_through_links(
    tmp_path: Path, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    link(tmp_path, "incarnation.json", volume / "incarnation.json")
    marks = MarkFile(Path("incarnation.json"), "a database", required=True)
    monkeypatch.chdir(volume)
    async with marks.locked():
        await marks.put(MARK)
    assert await marks.find(MARK.incarnation) == MARK
    assert (tmp_path / "incarnation.json").is_symlink()
    assert files(volume) == [volume / "incarnation.json"]


async def test_server_finds_its_files_from_any_folder(
    tmp_path: Path, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with assembled(Settings(), create_keyring=True) as service:
        monkeypatch.chdir(volume)
        rotate_keyring(tmp_path / "keyring.json", SystemClock(), SystemEntropy())
        assert await service.keyring_watch.reload()
        assert len(service.services.cipher.keyring.keys) == 2
    assert files(volume) == []


@pytest.mark.parametrize(
    ("mode", "owner", "is_open"),
    [
        (0o600, 1000, False),
        (0o400, 1000, False),
        (0o640, 1000, True),
        (0o604, 1000, True),
        (0o440, 0, False),
        (0o640, 0, False),
        (0o660, 0, True),
        (0o444, 0, True),
        (0o440, 1001, True),
    ],
)
def test_a_file_is_open_to_others_unless_root_lends_it(
    mode: int, owner: int, is_open: bool
) -> None:
    status = os.stat_result((stat.S_IFREG | mode, 0, 0, 1, owner, 1000, 0, 0, 0, 0))
    assert is_open_to_others(status, 1000) is is_open


def test_a_file_of_root_that_its_group_reads_is_open_to_others_than_root() -> None:
    status = os.stat_result((stat.S_IFREG | 0o440, 0, 0, 1, 0, 1000, 0, 0, 0, 0))
    assert is_open_to_others(status, 0)
