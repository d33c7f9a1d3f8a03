"""A crowd that shares one file shares one session, on the real server."""

from __future__ import annotations

import contextlib
from pathlib import Path

from kit.processes import Process
from kit.server import running

PROCESSES = 8
THREADS = 13
ROUNDS = 5


def test_a_hundred_threads_in_eight_processes_share_one_file(tmp_path: Path) -> None:
    """Each round all of them refresh at once: one asks the server, 103 adopt what it got."""
    with running(tmp_path) as live, contextlib.ExitStack() as stack:
        place = (live.host, live.project_id, live.api_token, str(tmp_path / "session"))
        workers = [
            stack.enter_context(Process("crowd_on_a_file", *place, str(THREADS)))
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
