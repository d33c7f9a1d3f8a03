"""`satmint serve --workers N`: several processes that are one server."""

import json
import os
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from satmint.cli.program import run
from satmint.model.base64url import b64url_decode
from tests.kit.polling import wait_until
from tests.kit.ports import free_port
from tests.kit.serving import ServeProcess, running_serve

SIGN_IN = "/api/fabric/subscribers/tokens"
REFRESH = "/api/fabric/subscribers/tokens/refresh"


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """A deployment in the current folder, with one project."""
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "init"]) == 0
    capsys.readouterr()
    assert run(["project", "create", "one", "--json"]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


@contextmanager
def workers(folder: Path, count: int = 2) -> Iterator[ServeProcess]:
    admin = ("--admin-port", str(free_port()))
    with running_serve(
        folder, "--workers", str(count), "--cluster-host", "a.b.example", *admin
    ) as server:
        assert server.wait_for("listening")["workers"] == count
        yield server


def pids(server: ServeProcess) -> set[int]:
    """The worker processes that there are now."""
    parent = server.process.pid
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return {int(pid) for pid in listed.split()}


def active(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def call(server: ServeProcess, project: dict[str, Any], path: str, body: object) -> dict[str, str]:
    """One request on a connection of its own, which any worker may get."""
    auth = (project["id"], project["api_token"])
    answer = httpx.post(server.url + path, auth=auth, json=body)
    assert answer.is_success, answer.text
    made: dict[str, str] = answer.json()
    return made


def test_workers_stop_together(tmp_path: Path, project: dict[str, Any]) -> None:
    with workers(tmp_path, 3) as server:
        crew = pids(server)
        assert len(crew) == 3
        pair = call(server, project, SIGN_IN, {"reference": "ada"})
        for _ in range(20):
            pair = call(server, project, REFRESH, {"refresh_token": pair["refresh_token"]})
        assert server.stop() == 0
        assert [line["event"] for line in server.log] == [
            "admin_listening",
            "listening",
            "stopped",
        ]
    assert not any(map(active, crew))


def test_one_token_presented_to_all_of_them_at_once_is_rotated_once(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    with workers(tmp_path) as server, ThreadPoolExecutor(12) as crowd:
        pair = call(server, project, SIGN_IN, {"reference": "ada"})
        for _ in range(5):
            body = {"refresh_token": pair["refresh_token"]}
            answers = list(
                crowd.map(lambda _: call(server, project, REFRESH, body), range(12))  # noqa: B023
            )
            pair = answers[0]
        auth = (project["id"], project["api_token"])
        events = httpx.get(
            f"{server.url}/api/satmint/events", params={"page_size": 1000}, auth=auth
        ).json()["data"]
    kinds = [event["kind"] for event in events]
    assert kinds.count("refreshed") == 5
    assert kinds.count("replayed") == 5  # one for each generation
    assert "reuse_detected" not in kinds


def test_modules_that_lie_in_the_current_folder_are_not_theirs(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    with workers(tmp_path) as server:
        for name in ("msgspec", "uvicorn", "secrets"):
            (tmp_path / f"{name}.py").write_text("raise SystemExit('somebody else has run')\n")
        (first, *_), before = pids(server), pids(server)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(pids(server)) == 2 and pids(server) != before)
        call(server, project, SIGN_IN, {"reference": "ada"})


@pytest.mark.usefixtures("project")
def test_workers_stop_together_while_they_are_replaced(tmp_path: Path) -> None:
    with workers(tmp_path) as server:
        before = pids(server)
        server.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: pids(server) - before)
        seen = pids(server) | before
        assert server.stop() == 0
        assert not any(map(active, seen))


def test_a_worker_that_dies_is_replaced(tmp_path: Path, project: dict[str, Any]) -> None:
    with workers(tmp_path) as server:
        before = pids(server)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        assert server.wait_for("worker_exited")["code"] == -signal.SIGKILL
        wait_until(lambda: len(pids(server)) == 2)
        assert victim not in pids(server)
        # Connections that wait on its socket are not lost with it: each of these is answered.
        for number in range(20):
            call(server, project, SIGN_IN, {"reference": f"user-{number}"})
        assert server.stop() == 0


def test_a_worker_for_which_there_is_no_room_is_replaced_once_there_is(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    with workers(tmp_path) as server:
        parent = server.process.pid
        usual = resource.prlimit(parent, resource.RLIMIT_NOFILE)
        resource.prlimit(parent, resource.RLIMIT_NOFILE, (3, usual[1]))  # no pipe can be made
        victim = min(pids(server))
        os.kill(victim, signal.SIGKILL)
        assert server.wait_for("worker_not_started")["worker"] in (0, 1)
        resource.prlimit(parent, resource.RLIMIT_NOFILE, usual)
        wait_until(lambda: len(pids(server)) == 2)
        call(server, project, SIGN_IN, {"reference": "ada"})
        assert server.stop() == 0


def test_workers_are_replaced_one_by_one_without_a_lost_connection(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    with workers(tmp_path) as server, ThreadPoolExecutor(1) as crowd:
        before = pids(server)
        pair = call(server, project, SIGN_IN, {"reference": "ada"})
        server.process.send_signal(signal.SIGUSR2)
        replaced = crowd.submit(server.wait_for, "workers_replaced")
        rounds = 0
        while not replaced.done() or rounds < 20:
            pair = call(server, project, REFRESH, {"refresh_token": pair["refresh_token"]})
            rounds += 1
        after = pids(server)
        assert len(after) == 2
        assert before.isdisjoint(after)
        assert server.stop() == 0
        assert not any(line["level"] == "error" for line in server.log)


def test_every_worker_reloads_the_keyring_on_sighup(
    tmp_path: Path, project: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    def kid() -> str:
        token = call(server, project, SIGN_IN, {"reference": "ada"})["token"]
        return str(json.loads(b64url_decode(token.partition(".")[0]))["kid"]).partition(".")[0]

    with workers(tmp_path) as server:
        old = kid()
        assert run(["keys", "rotate"]) == 0
        capsys.readouterr()
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: kid() != old)
        wait_until(lambda: all(kid() != old for _ in range(12)))


def test_workers_whose_parent_is_killed_stop_by_themselves(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    with workers(tmp_path) as server:
        call(server, project, SIGN_IN, {"reference": "ada"})
        crew = pids(server)
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not any(map(active, crew)))


def test_settings_error_is_reported_once(tmp_path: Path) -> None:
    with running_serve(tmp_path, "--workers", "3") as server:
        _, said = server.process.communicate(timeout=30)
    assert server.process.returncode == 1
    assert len(said.splitlines()) == 1
    assert "keyring.json" in said


def test_port_of_other_workers_is_refused(tmp_path: Path, project: dict[str, Any]) -> None:
    with workers(tmp_path) as server:
        port = str(httpx.URL(server.url).port)
        with running_serve(tmp_path, "--workers", "2", "--port", port) as other:
            _, said = other.process.communicate(timeout=30)
            assert other.process.returncode == 1
        assert json.loads(said)["error"].endswith("the port is taken")
        call(server, project, SIGN_IN, {"reference": "ada"})


def test_metrics_of_one_worker_cover_all_workers(tmp_path: Path, project: dict[str, Any]) -> None:
    with workers(tmp_path) as server:
        for number in range(24):
            call(server, project, SIGN_IN, {"reference": f"user-{number}"})

        def issued() -> dict[str, float]:
            """By worker that answers, also by those that were asked for nothing."""
            families = text_string_to_metric_families(httpx.get(f"{server.admin_url}/metrics").text)
            told: dict[str, float] = {}
            for sample in (sample for family in families for sample in family.samples):
                if sample.name == "satmint_worker_up" and sample.value == 1:
                    told.setdefault(sample.labels["worker"], 0)
                elif sample.labels.get("route") == "create-subscriber-token":
                    told[sample.labels["worker"]] = sample.value
            return told

        told = issued()
        assert told.keys() == {"0", "1"}
        assert sum(told.values()) == 24
        os.kill(min(pids(server)), signal.SIGKILL)
        server.wait_for("worker_exited")
        wait_until(lambda: issued().keys() == {"0", "1"})
        assert issued() == told


def test_every_worker_reloads_a_rotated_wrapped_keyring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def kid() -> str:
        token = call(server, made, SIGN_IN, {"reference": "ada"})["token"]
        return str(json.loads(b64url_decode(token.partition(".")[0]))["kid"]).partition(".")[0]

    monkeypatch.chdir(tmp_path)
    kms = tmp_path / "kms"
    kms.write_text("#!/bin/sh\necho AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n")
    kms.chmod(0o700)
    monkeypatch.setenv("SATMINT_KEYRING_KEK", f"command:{kms}")
    assert run(["keys", "init"]) == run(["db", "migrate"]) == 0
    capsys.readouterr()
    assert run(["project", "create", "one", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    with running_serve(
        tmp_path,
        *("--workers", "2", "--cluster-host", "a.b.example", "--keyring-kek", f"command:{kms}"),
    ) as server:
        server.wait_for("listening")
        old = kid()
        assert run(["keys", "rotate"]) == 0
        capsys.readouterr()
        # By themselves, without a signal and without a restart.
        wait_until(lambda: kid() != old)
        wait_until(lambda: all(kid() != old for _ in range(12)))
    assert '"k"' not in (tmp_path / "keyring.json").read_text()
