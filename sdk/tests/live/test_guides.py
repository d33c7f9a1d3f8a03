"""Every program in the guides runs as it stands, against a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kit.server import REPOSITORY, Live

FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GUIDES = sorted((REPOSITORY / "docs" / "guides").glob("*.md"))
PROGRAMS = [
    pytest.param(program, id=f"{guide.stem}-{number}")
    for guide in GUIDES
    for number, program in enumerate(FENCED.findall(guide.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_of_a_guide_runs_as_it_stands(live: Live, program: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY / "sdk" / "src"),
            "SIGNALWIRE_PROJECT_ID": live.project_id,
            "SIGNALWIRE_API_TOKEN": live.api_token,
            "SIGNALWIRE_SPACE": live.host,
            "C2C_TOKEN": live.c2c_token,
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert "False" not in done.stdout


def test_there_is_a_program_for_each_way_to_hold_a_credential() -> None:
    assert {guide.stem for guide in GUIDES if FENCED.search(guide.read_text())} == {
        "backend-refresh",
        "embed",
        "guest",
        "invite",
        "signed-in-user",
    }
