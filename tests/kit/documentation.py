"""The documentation site, built once for all tests of all processes."""

import fcntl
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.house.tree import ROOT

SITE: Final = ROOT / "build" / "site"
SPHINX: Final = ROOT / ".venv-docs" / "bin" / "python"
"""The interpreter that has Sphinx."""

_LOCK: Final = Path(tempfile.gettempdir()) / "satmint-tests-site.lock"
_SECONDS: Final = 600
_OF_MAKE: Final = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")


def built_site() -> Path:
    """The folder of the site. It is built if a document is newer."""
    _make("build/site/index.html")
    return SITE


def sphinx_python() -> Path:
    """`SPHINX`, installed if it was not."""
    _make(".venv-docs/.installed")
    return SPHINX


def _make(target: str) -> None:
    environment = {name: text for name, text in os.environ.items() if name not in _OF_MAKE}
    with _LOCK.open("w") as lock:
        # Of two at once, one would remove what the other writes.
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            ["make", "--silent", target],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stderr
