"""A crowd that shares one file shares one session, on the real server."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

from kit.processes import Process
from kit.server import running

PROCESSES = 8
THREADS = 13
ROUNDS = 5
TOGETHER = 2
PACES = 4


def test_a_hundred_threads_in_eight_processes_share_one_file(tmp_path: Path) -> None:
    """Each round all of them refresh at once: one asks the server, 103 adopt what it got."""
    with running(tmp_path) as live, contextlib.ExitStack() as stack:
        account = (live.host, live.project_id, live.api_token, str(tmp_path / "session"))
        workers = [
            stack.enter_context(Process("crowd_on_a_file", *account, str(THREADS)))
            for _ in range(PROCESSES)
        ]
        seen: list[str] = []
        for number in range(ROUNDS + 1):
            if number:
                for one in workers:
                    one.ask()
            heard = [one.hear().split() for one in workers]
            assert [count for count, *_ in heard] == [str(THREADS)] * PROCESSES
            (token,) = {token for _, *tokens in heard for token in tokens}
            assert live.accepts(token)
            seen.append(token)
        assert all(one.rest() == ([], 0) for one in workers)
        assert len(set(seen)) == ROUNDS + 1
        trail = live.trail()
        assert (trail["issued"], trail["refreshed"], trail["replayed"]) == (1, ROUNDS, 0)
        assert trail["reuse_detected"] == 0


def test_a_hundred_sessions_in_eight_processes_share_one_file(tmp_path: Path) -> None:
    """Nobody waits for so long that it gives up, though all want a new token again and again.

    They are together first, and one asks the server for all. Then each goes at its own pace, with
    two processes beside that leave them little of the machine. A crowd that had to pass through the
    lock one by one starved some of its members here.
    """
    with running(tmp_path) as live, contextlib.ExitStack() as stack:
        for _ in range(2):
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        account = (live.host, live.project_id, live.api_token, str(tmp_path / "session"))
        workers = [
            stack.enter_context(Process("sessions_on_a_file", *account, str(THREADS)))
            for _ in range(PROCESSES)
        ]
        seen: set[str] = set()
        for renewals in (0, *[1] * TOGETHER, PACES):
            if renewals:
                for one in workers:
                    one.ask(str(renewals))
            heard = [one.hear().split() for one in workers]
            expected = str(THREADS * max(renewals, 1))
            assert [count for count, *_ in heard] == [expected] * PROCESSES
            tokens = {token for _, *tokens in heard for token in tokens}
            assert renewals == PACES or len(tokens) == 1
            assert seen.isdisjoint(tokens) or renewals == PACES
            seen |= tokens
        trail = live.trail()
        assert (trail["issued"], trail["refreshed"]) == (1, len(seen) - 1)
        assert (trail["replayed"], trail["reuse_detected"]) == (0, 0)
        outcome = f"refreshed={THREADS * (TOGETHER + PACES)}"
        assert [one.rest() for one in workers] == [([outcome], 0)] * PROCESSES
