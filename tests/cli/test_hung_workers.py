"""Workers that hang: the supervisor detects and replaces them."""

import os
import resource
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from satmint.cli import worker_process
from satmint.cli.running import listen_shared
from satmint.cli.worker_process import WorkerProcess
from satmint.cli.workers import Supervisor
from satmint.server import Listener, bind
from satmint.settings import Settings
from tests.kit.polling import wait_until
from tests.kit.serving import ServeProcess, running_serve
from tests.kit.workers import REFRESH, SIGN_IN, alive, call, children, is_stopped, pids, workers

TIMEOUT: Final = ("--worker-timeout-seconds", "3")
HANG_SIGNAL: Final = signal.SIGUSR2

_IN_A_WORKER: Final = "import signal, sys\nif 'satmint.cli.worker' in sys.orig_argv:\n"


def startup_code(folder: Path, code: str) -> dict[str, str]:
    """Environment variables with which every worker runs `code` at its start."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_IN_A_WORKER + code, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process by SIGSTOP, and let it continue at the end if it still exists."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: is_stopped(pid))
    try:
        yield
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGCONT)


def let_pass(seconds: float) -> None:
    """Return after so many seconds."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, seconds + 5)


def replacements(server: ServeProcess) -> dict[tuple[str, str], float]:
    """The counter of replaced workers, by worker and reason."""
    families = text_string_to_metric_families(httpx.get(f"{server.admin_url}/metrics").text)
    return {
        (sample.labels["worker"], sample.labels["reason"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "satmint_worker_replacements_total"
    }


def test_stopped_worker_is_replaced_while_requests_are_answered(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    with workers(tmp_path, 2, *TIMEOUT) as server, ThreadPoolExecutor(1) as pool:
        before = pids(server)
        victim, other = sorted(before)
        pair = call(server, project, SIGN_IN, {"reference": "ada"})
        with stopped(victim):
            log = pool.submit(server.wait_for, "worker_replaced")
            seen: list[set[int]] = []
            rounds = 0
            while not log.done() or rounds < 20:
                # Every request opens a connection. Those that the kernel assigns to the socket of
                # the stopped worker wait in its backlog for the successor.
                pair = call(server, project, REFRESH, {"refresh_token": pair["refresh_token"]})
                seen.append(pids(server))
                rounds += 1
            wait_until(lambda: not alive(victim))
        successor = log.result()["pid"]
        hung = server.wait_for("worker_hung")
        assert (hung["pid"], hung["silent_seconds"]) == (victim, 3)
        assert (log.result()["old"], log.result()["killed"]) == (victim, True)
        assert pids(server) == {other, successor}
        assert all(other in now and now & {victim, successor} for now in seen)
        counted = replacements(server)
        assert counted.pop((str(hung["worker"]), "hung")) == 1
        assert len(counted) == 3
        assert set(counted.values()) == {0}
        assert server.stop() == 0


def test_worker_whose_event_loop_is_blocked_is_replaced_and_its_stack_is_logged(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    env = startup_code(
        tmp_path / "startup",
        "    def deadlock(*_):\n"
        "        import threading\n"
        "        lock = threading.Lock()\n"
        "        while True: lock.acquire()\n"
        "    signal.signal(signal.SIGUSR2, deadlock)\n",
    )
    with workers(tmp_path, 2, *TIMEOUT, **env) as server:
        victim = min(pids(server))
        os.kill(victim, HANG_SIGNAL)
        hung = server.wait_for("worker_hung")
        assert hung["pid"] == victim
        assert any("sitecustomize.py" in line and "deadlock" in line for line in hung["stacks"])
        assert server.wait_for("worker_replaced")["killed"] is True
        wait_until(lambda: not alive(victim))
        for number in range(20):
            call(server, project, SIGN_IN, {"reference": f"user-{number}"})
        assert server.stop() == 0


def test_hung_worker_is_not_killed_before_its_successor_answers(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    with workers(tmp_path, 2, *TIMEOUT) as server:
        before = pids(server)
        supervisor = server.process.pid
        usual = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (3, usual[1]))  # no pipe can be made
        with stopped(min(before)):
            server.wait_for("worker_not_replaced")
            assert pids(server) == before
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, usual)
        # It has recovered: nobody replaces it any more.
        let_pass(5)
        for number in range(20):
            call(server, project, SIGN_IN, {"reference": f"user-{number}"})
        assert pids(server) == before
        assert set(replacements(server).values()) == {0}
        assert server.stop() == 0


def test_worker_that_recovers_while_its_successor_starts_finishes_its_requests(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    gate = tmp_path / "closed"
    env = startup_code(
        tmp_path / "startup",
        "    import os, select\n"
        f"    while os.path.exists({str(gate)!r}): select.select([], [], [], 0.01)\n",
    )
    with workers(tmp_path, 2, *TIMEOUT, **env) as server:
        victim = min(pids(server))
        with stopped(victim):
            gate.touch()  # the successor waits
            assert server.wait_for("worker_hung")["pid"] == victim
        replacements(server)  # includes the victim's: it answers again
        gate.unlink()
        replaced = server.wait_for("worker_replaced")
        assert (replaced["old"], replaced["killed"]) == (victim, False)
        wait_until(lambda: not alive(victim))
        call(server, project, SIGN_IN, {"reference": "ada"})
        assert server.stop() == 0
        assert "worker_exited" not in {line["event"] for line in server.log}


def test_pause_of_all_processes_replaces_no_worker(tmp_path: Path, project: dict[str, Any]) -> None:
    """A suspended virtual machine or a frozen container stops workers and supervisor alike."""
    with workers(tmp_path, 2, *TIMEOUT) as server:
        before = pids(server)
        supervisor = server.process.pid
        with stopped(supervisor):
            let_pass(4)
        with stopped(min(before)), stopped(max(before)):
            let_pass(1.5)  # pings are sent, and no worker answers
            with stopped(supervisor):
                let_pass(5)
        let_pass(5)
        call(server, project, SIGN_IN, {"reference": "ada"})
        assert pids(server) == before
        assert server.stop() == 0
        assert "worker_hung" not in {line["event"] for line in server.log}


def test_timeout_of_0_turns_the_pings_off(tmp_path: Path, project: dict[str, Any]) -> None:
    with workers(tmp_path, 2, "--worker-timeout-seconds", "0") as server:
        before = pids(server)
        with stopped(min(before)):
            let_pass(3)
        call(server, project, SIGN_IN, {"reference": "ada"})
        assert pids(server) == before
        assert server.stop() == 0
        assert "worker_hung" not in {line["event"] for line in server.log}


@pytest.mark.usefixtures("project")
def test_sigterm_stops_workers_that_never_start(tmp_path: Path) -> None:
    env = startup_code(tmp_path / "startup", "    signal.raise_signal(signal.SIGSTOP)\n")
    with running_serve(tmp_path, "--workers", "2", env=env) as server:
        wait_until(lambda: len(started := pids(server)) == 2 and all(map(is_stopped, started)))
        started = pids(server)
        assert server.stop() == 0
        wait_until(lambda: not any(map(alive, started)))


async def test_worker_that_does_not_start_in_time_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in startup_code(
        tmp_path / "startup", "    signal.raise_signal(signal.SIGSTOP)\n"
    ).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(worker_process, "START_SECONDS", 1.0)
    before = children(os.getpid())
    listeners = listen_shared(2, "127.0.0.1", 0)
    supervisor = Supervisor(Settings(workers=2), listeners, (), "http://x.example", str(tmp_path))
    assert await supervisor._start(supervisor._slots[0]) is None
    assert children(os.getpid()) == before
    for listener in listeners:
        listener.close()
    assert "no answer within 1 s" in capfd.readouterr().out


class HungWorker(WorkerProcess):
    """A worker that never answers, without a process."""

    def __init__(self, uptime_seconds: float) -> None:
        self._uptime_seconds = uptime_seconds
        self.killed = False

    pid = 1

    @property
    def uptime_seconds(self) -> float:
        return self._uptime_seconds

    def answered(self) -> bool:
        return False

    async def dump_stacks(self) -> list[str]:
        return []

    async def kill(self) -> None:
        self.killed = True


async def test_timeout_grows_while_successors_hang_as_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uptimes = [31.0, 61.0, 121.0, 121.0, 601.0, 31.0]
    workers = list(map(HungWorker, uptimes))
    successors = iter([*workers[1:], HungWorker(0)])

    async def start(_slot: object) -> WorkerProcess:
        return next(successors)

    with closing(Listener(bind("127.0.0.1", 0))) as listener:
        supervisor = Supervisor(Settings(), [listener], (), "http://x.example", str(tmp_path))
    (slot,) = supervisor._slots
    monkeypatch.setattr(supervisor, "_start", start)
    slot.worker = workers[0]
    silences = []
    for worker in workers:
        silences.append(slot.timeout_factor * 30)
        await supervisor._replace_hung(slot, worker)
        assert slot.worker is not worker
        assert worker.killed
    assert silences == [30, 60, 120, 120, 120, 30]
    assert slot.replacements == {"exited": 0, "hung": 6}
