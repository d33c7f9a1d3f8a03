"""The generated pages of the reference say what the code says."""

import runpy

import pytest

from tests.house.tree import ROOT

FOLDER = ROOT / "docs" / "reference"
PAGES = runpy.run_path(str(FOLDER / "generate.py"))["PAGES"]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_as_the_code_makes_it(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run: python docs/reference/generate.py"
