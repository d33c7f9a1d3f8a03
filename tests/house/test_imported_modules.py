"""What a process imports: a feature that it does not use costs it neither memory nor time to start.

Each program runs in an interpreter of its own, as a user starts it.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.kit.dev import clean_environment

_POSTGRES: Final = frozenset({"asyncpg", "satmint.store.postgres"})
_PAGES: Final = frozenset({"jinja2"})
_WEBHOOKS: Final = frozenset({"anyio", "h11", "httpcore", "satmint.webhooks.network"})
_PASSWORDS: Final = frozenset({"argon2"})
_SERVER: Final = frozenset({"prometheus_client", "satmint.server", "uvloop", "websockets"})
_DEVELOPMENT: Final = frozenset({"satmint.control", "trustme"})
_PACKAGING: Final = frozenset({"importlib.metadata", "zipfile"})

_DEPLOYMENT: Final = frozenset({"asyncio", "cryptography", "structlog", "satmint.settings"})

_OPTIONAL: Final = _POSTGRES | _PAGES | _WEBHOOKS | _PASSWORDS | _DEVELOPMENT

_SETTINGS: Final = frozenset({"satmint.doctor", "satmint.settings", "tomllib"})
_OF_VERSION: Final = frozenset({"email", "http", "pydantic", "rich.markdown", "sqlite3", "ssl"})

# The console script itself, which names the modules of its process when it ends.
_CONSOLE_SCRIPT: Final = """
import atexit, json, sys
atexit.register(lambda: sys.stderr.write(json.dumps(sorted(sys.modules))))
from satmint.cli import main
main()
"""

# Stops a server as soon as it listens, and then names all modules of the process.
_PROGRAM: Final = """
import json, os, signal, sys
sys.argv[0] = "satmint"
import satmint.cli
from satmint.cli.program import run
class Log:
    encoding = "utf-8"
    def write(self, text):
        if '"listening"' in text:
            os.kill(os.getpid(), signal.SIGTERM)
    def flush(self): pass
    def isatty(self): return False
sys.stderr = Log()
code = run(sys.argv[1:])
sys.__stdout__.write("\\n" + json.dumps([code, sorted(sys.modules)]))
"""


def modules_of(folder: Path, *arguments: str) -> set[str]:
    """The modules that `satmint` has imported when a command has ended, with exit code 0."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stdout
    return set(modules)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a keyring and an empty database."""
    folder = tmp_path_factory.mktemp("deployment")
    for command in (("keys", "init"), ("project", "create", "demo")):
        done = subprocess.run(
            [sys.executable, "-m", "satmint", *command],
            cwd=folder,
            env=clean_environment(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("command", "needless"),
    [
        ("--version", _OPTIONAL | _SERVER | _PACKAGING | _DEPLOYMENT),
        ("version --json", _OPTIONAL | _SERVER | _PACKAGING | _DEPLOYMENT),
        ("project list", _OPTIONAL | _SERVER | {"satmint.http"}),
        ("serve --port 0 --json", _OPTIONAL),
    ],
)
def test_command_imports_nothing_of_features_that_it_does_not_use(
    deployment: Path, command: str, needless: frozenset[str]
) -> None:
    assert modules_of(deployment, *command.split()) & needless == set()


def test_the_console_script_reads_no_settings_to_print_the_version() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CONSOLE_SCRIPT, "version"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    needless = _OPTIONAL | _SERVER | _PACKAGING | _DEPLOYMENT | _SETTINGS | _OF_VERSION
    assert set(json.loads(done.stderr)) & needless == set()
