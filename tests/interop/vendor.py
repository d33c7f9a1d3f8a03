"""The vendor's SDK and command line, and tools, each in an environment that is kept."""

import fcntl
import os
import subprocess
import sys
import venv
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.kit.dev import DevServer, clean_environment
from tests.sdk.environment import sdk_python

ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPTS: Final = Path(__file__).parent / "scripts"
_SECONDS: Final = 300


def vendor_python() -> Path:
    """An interpreter that has the vendor's SDK, as pinned, and nothing of satmint."""
    return _python_of("vendor")


def command_line_python() -> Path:
    """An interpreter that has the vendor's command line, `swsh`, as pinned, and nothing of ours."""
    return _python_of("swsh")


def playwright_python() -> Path:
    """An interpreter that has pytest-playwright, as pinned, and nothing of satmint."""
    return _python_of("playwright")


def deploy_python() -> Path:
    """An interpreter that has Helm and schemas of Kubernetes and Compose, as pinned."""
    return _python_of("deploy")


def _python_of(name: str) -> Path:
    """The interpreter of `.venv-<name>`, with what `requirements/<name>.txt` says."""
    requirements, place = ROOT / "requirements" / f"{name}.txt", ROOT / f".venv-{name}"
    wanted = sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    mark = place / "made-from"
    python = place / "bin" / "python"
    place.mkdir(exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_text() != wanted:
            if not python.exists():
                venv.create(place, with_pip=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            # Most of the modules are never imported, so none is compiled beforehand.
            options = ["--no-compile", "--require-hashes", "--no-deps", "-r", str(requirements)]
            subprocess.run([*pip, *options], check=True)
            mark.write_text(wanted)
    return python


def run_vendor(script: Path | str, server: DevServer, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    """Run a script with the vendor's SDK against `server`; returns the JSON that it printed.

    Args:
        script: A file, or source text.
        server: What its environment variables name, as `satmint dev` prints them.
        arguments: For the script.
    """
    done = run_text(script, server, *arguments)
    return msgspec.json.decode(done)


def run_ours(script: Path, server: DevServer, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    """The same with the SDK of this repository, by the vendor's import name."""
    return msgspec.json.decode(_run([str(sdk_python()), str(script), *arguments], server))


def run_text(
    script: Path | str, server: DevServer, *arguments: str, python: Path | None = None
) -> str:
    """As `run_vendor`, for a script that prints text, in another interpreter perhaps."""
    where = [str(script)] if isinstance(script, Path) else ["-c", script]
    return _run([str(python or vendor_python()), *where, *arguments], server)


def _run(command: list[str], server: DevServer) -> str:
    project, token = server.auth
    environment = clean_environment(
        SIGNALWIRE_PROJECT_ID=project,
        SIGNALWIRE_API_TOKEN=token,
        SIGNALWIRE_SPACE=server["http"].removeprefix("http://"),
        PYTHONPATH="",
        HOME=os.environ.get("HOME", "/"),
    )
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
