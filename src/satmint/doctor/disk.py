"""The folders of the data: their file system, their space, and how fast they synchronise."""

import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from satmint.doctor.finding import Finding, error, ok, skipped, warning
from satmint.keyring_file import absolute_file, variable_of
from satmint.model.clock import Clock, SystemClock
from satmint.model.database_reasons import database_reason
from satmint.model.database_url import is_postgres
from satmint.model.refusals import StoreUnavailable
from satmint.settings import Settings
from satmint.stores import sqlite_path, supports_log

_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORK: Final = (
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gfs2", "ocfs2"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "glusterfs", "virtiofs"),
)
_MEMORY: Final = ("tmpfs", "ramfs")
_MIN_BYTES: Final = 64 << 20
_LOW_BYTES: Final = 512 << 20
_LOW_SHARE: Final = 0.03
_SYNCS: Final = 32
_MAX_SYNC_SECONDS: Final = 2.0
_SLOW_SECONDS: Final = 0.1
_BLOCK: Final = b"\0" * 4096


def examine_disk(settings: Settings) -> Iterator[Finding]:
    """Look at the folder of an SQLite file, and at that of the keyring; blocks for two seconds."""
    folders: dict[str, Path] = {}
    if is_postgres(settings.database):
        reason = "the data are on the server of PostgreSQL"
        yield skipped("disk.fsync", reason, "run `pg_test_fsync` there")
    else:
        folder = sqlite_path(settings.database).absolute().resolve().parent
        folders["data"] = folder
        yield _file_system(folder)
        yield from _measure(folder)
    keyring = absolute_file(settings.keyring)
    if variable_of(keyring) is None:
        folders["keyring"] = keyring.resolve().parent
    if "data" in folders and _is_same_disk(*folders.values()):
        del folders["keyring"]
    for name, folder in folders.items():
        yield _space(f"disk.{name}_space", folder)


def _is_same_disk(*folders: Path) -> bool:
    try:
        return len(folders) > 1 and len({folder.stat().st_dev for folder in folders}) == 1
    except OSError:
        return False


def _file_system(folder: Path) -> Finding:
    check = "disk.file_system"
    kind = _kind_of(folder)
    if kind in _NETWORK:
        return error(
            check,
            f"{folder} is on a network file system ({kind}), whose locks and shared memory SQLite"
            " cannot rely on",
            "move the database to a local disk, or use PostgreSQL",
        )
    if kind in _MEMORY:
        return warning(
            check,
            f"{folder} is in memory ({kind}): the database is gone after a restart of the machine",
            "move the database to a local disk",
        )
    return ok(check, f"{folder} is on a local file system ({kind or 'unknown'})")


def _kind_of(folder: Path) -> str:
    """The type of the file system that `folder` is on, as in proc(5); "" if it is unknown."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        mounted = fields[4].replace("\\040", " ")
        if folder.is_relative_to(mounted) and len(mounted) >= best:
            best, kind = len(mounted), after.split(" ")[0]
    return kind


def _measure(folder: Path) -> Iterator[Finding]:
    """Measure in a folder of its own, which is removed."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".satmint-doctor-") as own:
            yield _log(Path(own))
            yield _syncs(Path(own) / "syncs", SystemClock())
    except OSError as failure:
        reason = (failure.strerror or "failed").lower()
        yield error(
            "disk.fsync",
            f"cannot write to {folder}: {reason}",
            "make space, or let the user of the server write to it",
        )


def _log(folder: Path) -> Finding:
    check = "disk.write_ahead_log"
    try:
        if supports_log(folder):
            return ok(check, "SQLite can have a write-ahead log there")
    except StoreUnavailable as failure:
        reason = database_reason(failure.cause)
        return error(check, f"SQLite cannot write there: {reason}", "see disk.data_space")
    return error(
        check,
        "SQLite cannot have a write-ahead log there: shared memory is missing",
        "move the database to a local disk",
    )


def _syncs(file: Path, clock: Clock) -> Finding:
    check = "disk.fsync"
    taken: list[float] = []
    began_at = clock.monotonic()
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        while len(taken) < _SYNCS and clock.monotonic() - began_at < _MAX_SYNC_SECONDS:
            before = clock.monotonic()
            os.write(handle, _BLOCK)
            os.fdatasync(handle)
            taken.append(clock.monotonic() - before)
    finally:
        os.close(handle)
    median, worst = statistics.median(taken), max(taken)
    per_second = int(1 / max(median, 1e-6))
    rate = "over 10,000" if per_second > 10_000 else f"about {per_second:,}"
    found = (
        f"a synchronised write takes {median * 1000:.1f} ms (worst {worst * 1000:.1f} ms):"
        f" {rate} commits a second, each of many requests"
    )
    if median > _SLOW_SECONDS:
        return warning(check, found, "move the database to a faster disk, or use PostgreSQL")
    return ok(check, found)


def _space(check: str, folder: Path) -> Finding:
    try:
        found = os.statvfs(folder)
    except OSError as failure:
        reason = (failure.strerror or "failed").lower()
        return skipped(check, f"{folder}: {reason}")
    free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    text = f"{_size(free)} of {_size(total)} are free on the disk of {folder}"
    remedy = "make space on that disk: writes fail when it is full"
    if free < _MIN_BYTES:
        return error(check, text, remedy)
    if found.f_files and found.f_favail < found.f_files * _LOW_SHARE / 3:
        return error(check, f"{found.f_favail:,} inodes are free on the disk of {folder}", remedy)
    if free < max(_LOW_BYTES, total * _LOW_SHARE) and free < 20 * _LOW_BYTES:
        return warning(check, text, remedy)
    return ok(check, text)


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
