"""The distributions, built once for all tests of a process."""

from pathlib import Path

import pytest
from release.build import build_all


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small documentation site, which the server's distributions carry."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<title>The site</title>", encoding="utf-8")
    (folder / "guides").mkdir()
    (folder / "guides" / "index.html").write_text("<title>Guides</title>", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def built(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all distributions."""
    folder = tmp_path_factory.mktemp("dist")
    build_all(folder, site=site)
    return folder
