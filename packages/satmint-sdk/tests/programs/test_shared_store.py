"""Two hosts that share one store, of which one dies."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

from kit.programs import Program, generations, sign_ins
from kit.server import Live


def test_two_hosts_share_one_session_and_one_outlives_the_other(live: Live, tmp_path: Path) -> None:
    store = str(tmp_path / "shared.session")
    with contextlib.ExitStack() as stack:
        first, second = (
            stack.enter_context(
                Program(folder(tmp_path, name), live, "host.py", store, REFERENCE="hosts")
            )
            for name in ("a", "b")
        )
        first.hear("^200 after 2")
        second.hear("^200 after 2")
        assert first.stop(signal.SIGKILL) == -signal.SIGKILL
        second.hear("^200 after 4")
        assert second.stop() == 0
        for host in (first, second):
            assert {line.split()[0] for line in host.output.splitlines()} == {"200"}
            host.check()
        refreshes = [int(host.output.split()[-2]) for host in (first, second)]
    assert sign_ins(live, "hosts") == 1
    assert generations(live, "hosts") < sum(refreshes)  # they adopted what the other one got


def folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made
