"""The environment of the packages, which `make test` sets up beside the server's."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.house.tree import ROOT
from tests.kit.dev import DevServer, clean_environment

_PLACE: Final = ROOT / ".venv-sdk"
_SECONDS: Final = 60


def sdk_python() -> Path:
    """An interpreter that has the SDK with what it needs, and nothing of the server."""
    python = _PLACE / "bin" / "python"
    assert python.exists(), "the SDK has no environment yet: `make .venv-sdk/.installed`"
    return python


def sdk_packages() -> Path:
    """Where its packages are."""
    (found,) = _PLACE.glob("lib/python3*/site-packages")
    return found


def pointed_at(server: DevServer) -> dict[str, str]:
    """An environment with the variables that `satmint dev` prints, and little else of ours."""
    project, api_token = server.auth
    return clean_environment(
        SIGNALWIRE_PROJECT_ID=project,
        SIGNALWIRE_API_TOKEN=api_token,
        SIGNALWIRE_SPACE=server["http"].removeprefix("http://"),
        C2C_TOKEN=server["c2c_token"],
        NO_PROXY="127.0.0.1,localhost",
        PYTHONPATH="",
        HOME=os.environ.get("HOME", "/"),
    )


def done(
    *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [str(word) for word in command],
        env=None if env is None else dict(env),
        cwd=cwd,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def built_wheel(package: str, folder: Path) -> Path:
    """A distribution of `packages/`, built from a copy: nothing is left behind in the tree."""
    ignored = shutil.ignore_patterns("__pycache__", "tests", ".*cache")
    shutil.copytree(ROOT / "packages" / package, folder / package, ignore=ignored)
    built = done(
        *(sdk_python(), "-m", "hatchling", "build", "-t", "wheel", "-d", folder),
        cwd=folder / package,
    )
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob(f"{package.replace('-', '_')}-*.whl")
    return found
