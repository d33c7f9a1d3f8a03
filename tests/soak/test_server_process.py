"""A server's clock is set from outside, and only its own; its log tells of its own failures."""

import json
import subprocess
import sys
from pathlib import Path

from tests.kit.dev import clean_environment
from tests.soak.ledgers import unix_seconds
from tests.soak.server_process import ServerProcess

PROGRAM = """
import sys
from satmint.model.clock import SystemClock
for _ in sys.stdin:
    print(SystemClock().now(), flush=True)
"""


def test_a_clock_is_set_while_a_process_runs(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, "sqlite:///x", 1, {}, clock=-15)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean_environment(**server.settings),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for offset in (-15, 1800, -1800, 0):
            server.set_clock(offset)
            before = unix_seconds()
            process.stdin.write(b"\n")
            process.stdin.flush()
            assert before + offset <= int(process.stdout.readline()) <= unix_seconds() + offset
        process.stdin.close()


def test_a_database_that_was_killed_is_no_failure_of_the_server(tmp_path: Path) -> None:
    reasons = {
        "database_unusable": ["the server is unreachable", "synchronous_commit is off"],
        "worker_failed": ["postgres: the server is unreachable", "KeyError"],
        "worker_exited": ["signal 9"],
    }
    lines = [
        {"event": event, "reason": reason, "level": "error"}
        for event, found in reasons.items()
        for reason in found
    ]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    (tmp_path / "serve.log").write_text(text, encoding="ascii")
    server = ServerProcess(tmp_path, "sqlite:///x", 1, {})
    assert [line["reason"] for line in server.bugs()] == ["synchronous_commit is off", "KeyError"]
