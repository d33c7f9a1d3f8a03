"""Locks: every package pinned, every file hashed, and no index named."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.house.tree import ROOT, named, python_files

LOCKS: Final = sorted((ROOT / "requirements").glob("*.txt"))
PIN: Final = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*)(\[[a-z0-9,-]+\])?==[0-9][\w.+!-]*( ; [^\\]+)?"
)
HASH: Final = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(lock: Path) -> list[list[str]]:
    """Each requirement with its options, one list of words a line continued."""
    joined = lock.read_text(encoding="utf-8").replace("\\\n", "\n").splitlines()
    found: list[list[str]] = []
    for line in joined:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if line.startswith(" "):
            found[-1].append(text)
        else:
            found.append([text])
    return found


def names(lock: Path) -> set[str]:
    return {re.split(r"[=\[; ]", entry[0])[0] for entry in entries(lock)}


@pytest.mark.parametrize("lock", LOCKS, ids=named)
def test_every_package_is_pinned_and_hashed(lock: Path) -> None:
    assert len(entries(lock)) > 5
    for requirement, *options in entries(lock):
        assert PIN.fullmatch(requirement), requirement
        assert options, f"{requirement} has no hash"
        assert all(HASH.fullmatch(option) for option in options), requirement


@pytest.mark.parametrize("lock", LOCKS, ids=named)
def test_no_index_and_no_address_is_named(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    for word in ("index-url", "find-links", "trusted-host", "://", "file:", "@ "):
        assert word not in text


def test_there_are_the_locks_that_the_makefile_needs() -> None:
    assert {"dev", "playwright", "runtime", "sdk", "swsh", "vendor"} <= {
        lock.stem for lock in LOCKS
    }


def test_everything_that_satmint_depends_on_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[^A-Za-z0-9._-]", one)[0].lower() for one in project["dependencies"]}
    runtime, dev = (ROOT / "requirements" / name for name in ("runtime.txt", "dev.txt"))
    assert wanted <= names(runtime) <= names(dev)


def test_locks_are_installed_without_resolving() -> None:
    """A lock is complete. A resolver could prefer a release that came after it, and then fail.

    pip does so for a package that another one needs with an extra, such as `uvicorn[standard]`.
    """
    audit = ROOT / "release" / "audit.py"  # which installs nothing
    programs = [ROOT / "Makefile", *python_files(ROOT)]
    installing = {
        f"{named(path)}: {line.strip()}"
        for path in programs
        if path not in (audit, Path(__file__))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "--require-hashes" in line
    }
    assert len(installing) > 5
    assert {line for line in installing if "--no-deps" not in line} == set()
