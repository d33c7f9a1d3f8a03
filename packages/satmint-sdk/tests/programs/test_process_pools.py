"""Pools of processes whose jobs need tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.programs import Program, sign_ins
from kit.server import Live

JOBS = 12


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_all_jobs_of_a_pool_share_one_sign_in(live: Live, tmp_path: Path, method: str) -> None:
    reference = f"pool-{method}"
    with Program(tmp_path, live, "pools.py", method, REFERENCE=reference) as program:
        assert program.wait() == 0
        assert program.output.split() == ["200"] * JOBS
        program.check()
    assert sign_ins(live, reference) == 1
    assert sign_ins(live, f"{reference}-parent") == 1
