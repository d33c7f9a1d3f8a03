"""Programs with loops of their own kinds: one after the other, gevent's, anyio's."""

from __future__ import annotations

from pathlib import Path

from kit.programs import Program, sign_ins
from kit.server import Live


def test_clients_and_providers_outlive_event_loops(live: Live, tmp_path: Path) -> None:
    with Program(tmp_path, live, "scripts.py", REFERENCE="scripts") as program:
        assert program.wait() == 0
        assert program.output.split() == ["200"] * 3
        # Connections of a loop that has ended cannot be closed by another one, and Python says so.
        program.check(resources=False)
    assert sign_ins(live, "scripts") == 1


def test_greenlets_share_a_client(live: Live, tmp_path: Path) -> None:
    with Program(tmp_path, live, "greenlets.py", REFERENCE="greenlets") as program:
        assert program.wait() == 0
        assert program.output.split() == ["200"] * 12
        program.check()
    assert sign_ins(live, "greenlets-0") == 1


def test_cancel_scopes_end_callers_and_not_the_session(live: Live, tmp_path: Path) -> None:
    with Program(tmp_path, live, "structured.py", REFERENCE="structured") as program:
        assert program.wait() == 0
        assert program.output.split() == [*["200"] * 6, "0"]
        program.check()
    assert sign_ins(live, "structured") == 1
