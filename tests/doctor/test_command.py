"""The command `satmint doctor`: its output, its exit codes, and `--live`."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from satmint.doctor.examination import GROUPS
from satmint.doctor.finding import Level
from tests.kit.dev import SATMINT, clean_environment, running_dev
from tests.kit.forked import run
from tests.kit.ports import free_port
from tests.kit.set_ups import SetUp, make_set_up


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SetUp]:
    """A healthy deployment with its server."""
    set_up = make_set_up(tmp_path_factory.mktemp("running"))
    with set_up.serving():
        yield set_up


def doctor(
    set_up: SetUp, *arguments: str, trusted: bool = True, **env: str
) -> subprocess.CompletedProcess[Any]:
    """Run the command in its folder, with its settings as variables."""
    variables = {
        f"SATMINT_{name.replace('-', '_').upper()}": value for name, value in set_up.options.items()
    }
    if trusted:
        variables["SSL_CERT_FILE"] = str(set_up.folder / "ca.pem")
    environment = clean_environment(**variables, **env)
    return run(["doctor", *arguments], text=True, cwd=set_up.folder, env=environment)


def test_healthy_deployment_ends_with_0(running: SetUp) -> None:
    done = doctor(running)
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    assert "Public URL\n  ✓ https://fabric.localhost:" in done.stdout
    assert "✗" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("0 errors, ")
    assert "\x1b" not in done.stdout


def test_error_ends_with_1_and_is_shown_with_its_remedy(running: SetUp) -> None:
    done = doctor(running, "--public-url", f"https://fabric.localhost:{free_port()}")
    assert done.returncode == 1
    assert done.stderr == "satmint: 1 error was found\n"
    lines = done.stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("  ✗ ")]
    assert any(line.startswith("    → ") for line in lines[at + 1 : at + 4])


def test_lines_fit_80_columns_but_for_words_that_are_longer(running: SetUp) -> None:
    done = doctor(running, "--public-url", f"https://fabric.localhost:{free_port()}")
    for line in done.stdout.splitlines():
        assert len(line) <= 80 or len(line.split()) <= 2, line


def test_terminal_without_unicode_gets_words(running: SetUp) -> None:
    done = doctor(
        running, "--public-url", f"https://fabric.localhost:{free_port()}", PYTHONIOENCODING="ascii"
    )
    assert done.stdout.isascii()
    assert "\n  ERROR   https://fabric.localhost" in done.stdout
    assert "\n  ok      " in done.stdout


def test_json_is_one_object_with_stable_names(running: SetUp) -> None:
    done = doctor(running, "--json", trusted=False)
    assert done.returncode == 1
    assert json.loads(done.stderr)["error"].endswith("were found")
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found.keys() == {"healthy", "version", "counts", "findings"}
    assert found["healthy"] is False
    assert found["counts"].keys() == {level.value for level in Level}
    assert sum(found["counts"].values()) == len(found["findings"])
    for one in found["findings"]:
        assert one.keys() == {"group", "check", "level", "summary", "remedy"}
        assert one["check"].startswith(f"{one['group']}.")
        assert one["group"] in GROUPS
        assert one["level"] in {level.value for level in Level}
        assert one["summary"]
        if one["level"] in (Level.ERROR, Level.WARNING):
            assert one["remedy"], one
    named = {one["check"]: one for one in found["findings"]}
    assert named["public.url"]["level"] == "error"
    assert "certificate is refused" in named["public.url"]["summary"]


def test_wrong_usage_ends_with_2(running: SetUp) -> None:
    assert doctor(running, "--nonsense").returncode == 2
    done = doctor(running, "--workers", "0")
    assert done.returncode == 2
    assert "--workers must be at least 1" in done.stderr
    assert doctor(running, "--data", "none").returncode == 2


def test_variable_that_is_no_setting_is_found(running: SetUp) -> None:
    done = doctor(running, "--json", SATMINT_CLUSTERHOST="puc.example.com")
    assert done.returncode == 0
    (found,) = [
        one for one in json.loads(done.stdout)["findings"] if one["check"] == "settings.variables"
    ]
    assert found["level"] == "warning"
    assert found["remedy"] == "did you mean SATMINT_CLUSTER_HOST?"


def findings_of(done: subprocess.CompletedProcess[Any]) -> dict[str, Any]:
    return {one["check"]: one for one in json.loads(done.stdout)["findings"]}


def test_limits_of_open_files_and_of_the_disk_are_found(tmp_path: Path) -> None:
    set_up = make_set_up(tmp_path)
    # No file can grow, as on a full disk, and few can be open; no server runs.
    limited = "trap '' XFSZ; ulimit -f 0; ulimit -n 256; exec \"$@\""
    done = subprocess.run(
        ["sh", "-c", limited, "sh", *SATMINT, "doctor", *set_up.arguments, "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
        check=False,
    )
    assert done.returncode == 1, done.stderr
    found = findings_of(done)
    assert found["disk.fsync"]["level"] == "error"
    assert "cannot write to" in found["disk.fsync"]["summary"]
    assert "make space" in found["disk.fsync"]["remedy"]
    assert found["limits.open_files"]["level"] == "error"
    assert "may open 256 files" in found["limits.open_files"]["summary"]
    assert "LimitNOFILE=" in found["limits.open_files"]["remedy"]


def test_limit_of_the_running_server_counts(running: SetUp) -> None:
    found = findings_of(doctor(running, "--gateway-connections", "900000", "--json"))
    assert found["limits.open_files"]["level"] == "warning"
    assert "each process of the server may open" in found["limits.open_files"]["summary"]
    assert "lower gateway_connections" in found["limits.open_files"]["remedy"]


def test_development_server_is_healthy(tmp_path: Path) -> None:
    with running_dev(tmp_path / ".satmint") as server:
        done = run(["doctor", "--json"], text=True, cwd=tmp_path, env=clean_environment())
        assert done.returncode == 0, done.stdout + done.stderr
        found = findings_of(done)
        for check in ("server.live", "server.keyring", "cluster.api", "cluster.gateway"):
            assert found[check]["level"] == "ok", found[check]
        assert server["api_token"] not in done.stdout
        assert server["c2c_token"] not in done.stdout


def live(env: dict[str, str], folder: Path, *more: str) -> tuple[int, str]:
    """`satmint doctor --live` as a container starts it."""
    done = subprocess.run(
        [*SATMINT, "doctor", "--live", *more],
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment(**env),
        check=False,
    )
    assert done.stdout == "" or more
    return done.returncode, done.stderr


def test_live_asks_the_server_of_the_settings(running: SetUp) -> None:
    file = running.folder / "satmint.toml"
    file.write_text(f'port = {running.options["port"]}\nhost = "0.0.0.0"\n')
    tls = {
        "SATMINT_TLS_CERT": running.options["tls-cert"],
        "SATMINT_TLS_KEY": running.options["tls-key"],
    }
    assert live({"SATMINT_CONFIG": str(file), **tls}, running.folder) == (0, "")
    assert live({"SATMINT_PORT": running.options["port"], **tls}, running.folder, "--json")[0] == 0
    code, told = live({"SATMINT_PORT": str(free_port())}, running.folder)
    assert code == 1
    assert told.startswith("satmint: http://127.0.0.1:")
    assert "connection refused" in told
    # A listener with TLS answers nothing to plain HTTP.
    code, told = live({"SATMINT_PORT": running.options["port"]}, running.folder)
    assert code == 1
    assert live({"SATMINT_PORT": "many"}, running.folder)[0] == 2


def test_live_imports_little(running: SetUp) -> None:
    """A container asks every few seconds; what takes long is the command line and the database."""
    program = (
        "import sys; sys.argv[1:] = ['doctor', '--live']\n"
        "import satmint.cli\n"
        "try: satmint.cli.main()\n"
        "except SystemExit as ended: print(ended.code)\n"
        "print(sorted({'typer', 'rich', 'asyncio', 'sqlite3', 'asyncpg', 'cryptography'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run(
        [SATMINT[0], "-c", program],
        capture_output=True,
        text=True,
        cwd=running.folder,
        env=clean_environment(SATMINT_PORT=running.options["port"]),
        check=True,
    )
    assert done.stdout == "1\n[]\n"
