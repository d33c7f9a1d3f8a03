"""Fixtures of the tests of the HTTP API's parts."""

from pathlib import Path

import pytest


@pytest.fixture
def socket_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, as a relative path: that of a socket has no room for a long one."""
    monkeypatch.chdir(tmp_path)
    return Path()
