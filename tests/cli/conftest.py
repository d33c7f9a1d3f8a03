"""What the tests of the command line share."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from satmint.cli.program import run


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Commands that serve set up the logs of the whole process, which is this one here."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in ("asyncio",)}
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture(autouse=True)
def _no_variables_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command would warn of them: they are not settings."""
    for name in os.environ:
        if name.startswith("SATMINT_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """A deployment in the current folder, with one project."""
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "init"]) == 0
    capsys.readouterr()
    assert run(["project", "create", "one", "--json"]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made
