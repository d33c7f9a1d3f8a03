"""Where `satmint dev` finds the documentation site."""

from pathlib import Path

from satmint.cli.documentation import Documentation, find_documentation


def page(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "index.html").touch()
    return folder


def test_the_package_has_it(tmp_path: Path) -> None:
    packaged = page(tmp_path / "satmint" / "documentation")
    assert find_documentation(packaged, tmp_path / "clone") == Documentation(packaged)


def test_a_clone_has_it_once_it_was_built(tmp_path: Path) -> None:
    packaged, clone = tmp_path / "satmint" / "documentation", tmp_path / "clone"
    program = clone / "release" / "documentation" / "build.py"
    program.parent.mkdir(parents=True)
    program.touch()
    assert find_documentation(packaged, clone) == Documentation(None, "make docs")
    built = page(clone / "build" / "site")
    assert find_documentation(packaged, clone) == Documentation(built)


def test_another_package_has_none_and_names_no_command(tmp_path: Path) -> None:
    page(tmp_path / "b" / "build" / "site")  # of somebody else
    assert find_documentation(tmp_path / "a", tmp_path / "b") == Documentation(None)
