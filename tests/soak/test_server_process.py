"""A server's clock is set from outside, and only its own."""

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
