"""The folder of the workers' sockets: what a killed server has left is removed by the next one."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from satmint.cli.socket_folder import socket_folder

_USE = """
import sys
from satmint.cli.socket_folder import socket_folder
with socket_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of its own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_folder_is_for_this_user_alone_and_removed_at_the_end(temporary: Path) -> None:
    with socket_folder() as folder, socket_folder() as other:
        assert {path.name for path in temporary.iterdir()} == {Path(folder).name, Path(other).name}
        assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert list(temporary.iterdir()) == []


def test_folder_of_a_killed_server_is_removed_by_the_next_one_and_no_other(
    temporary: Path,
) -> None:
    strange = temporary / "satmint-workers-without-lock"
    strange.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", _USE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        used = Path(server.stdout.readline().strip())
        (used / "0").write_text("a socket")
        with socket_folder():
            assert used.exists()
        os.kill(server.pid, signal.SIGKILL)
        server.communicate()
    assert used.exists()
    with socket_folder() as folder:
        assert {*temporary.iterdir()} == {strange, Path(folder)}
