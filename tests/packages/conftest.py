"""The distributions, built once for all tests of a process."""

from pathlib import Path

import pytest
from release.build import build_all


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all distributions."""
    folder = tmp_path_factory.mktemp("dist")
    build_all(folder)
    return folder
