"""How the site is built, with few documents."""

from pathlib import Path
from typing import Final

import pytest
from release.documentation.build import BuildFailed, run_sphinx, with_documents
from release.documentation.staging import stage

from tests.kit.documentation import sphinx_python

CHAPTERS: Final = {"Use": ("docs/a.md",)}


def built(folder: Path, text: str) -> Path:
    """A site with two pages; `text` is on the second one."""
    root, source, site = folder / "root", folder / "source", folder / "site"
    (root / "docs").mkdir(parents=True)
    (root / "README.md").write_text("# Start\n\n[A](docs/a.md#more)\n", encoding="utf-8")
    (root / "docs" / "a.md").write_text(f"# A\n\n## More\n\n{text}\n", encoding="utf-8")
    stage(root, source, {}, CHAPTERS, {})
    run_sphinx(sphinx_python(), source, site)
    return site


@pytest.mark.parametrize(
    "text", ["[no such heading](../README.md#gone)", "[](#gone)"], ids=["elsewhere", "here"]
)
def test_a_link_to_a_heading_that_is_not_there_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(BuildFailed, match="gone"):
        built(tmp_path, text)


def test_a_message_names_the_document_and_not_its_page() -> None:
    said = "guides/index.md:3: WARNING: see proof.md\nno/such.md:1: gone\n"
    assert with_documents(said) == f"docs/guides/README.md{said.removeprefix('guides/index.md')}"


def test_the_same_documents_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (built(tmp_path / name, "[start](../README.md) `a`") for name in ("one", "two"))
    names = {file.relative_to(one) for file in one.rglob("*") if file.is_file()}
    assert names == {file.relative_to(other) for file in other.rglob("*") if file.is_file()}
    different = [name for name in names if (one / name).read_bytes() != (other / name).read_bytes()]
    assert different == []
