"""What is in the distributions, and that the same source gives the same bytes."""

import tarfile
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest
from release.build import ROOT, archive_of, build_all, copy_of_source, projects, source_epoch
from release.version import server_version

from tests.house.tree import named

NAMES: Final = {project: project.name if project != ROOT else "satmint" for project in projects()}


def stem(project: Path) -> str:
    return f"{NAMES[project].replace('-', '_')}-{server_version()}"


def test_the_same_source_gives_the_same_bytes(
    built: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the folder, and what others may read."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", source_epoch())  # the copy has no commit
    again = copy_of_source(tmp_path)
    for file in again.rglob("*.py"):
        file.chmod(0o600)
    build_all(tmp_path / "again", again, site)
    first, second = sorted(built.iterdir()), sorted((tmp_path / "again").iterdir())
    assert [file.name for file in first] == [file.name for file in second]
    assert len(first) == 2 * len(NAMES)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_the_times_in_the_archives_are_those_of_the_source(built: Path) -> None:
    with tarfile.open(built / f"{stem(ROOT)}.tar.gz") as archive:
        assert {member.mtime for member in archive.getmembers()} == {int(source_epoch())}


@pytest.mark.parametrize("project", NAMES, ids=named)
def test_a_wheel_holds_the_package_its_types_and_its_licence(
    built: Path, site: Path, project: Path
) -> None:
    """The server's holds the documentation site, too."""
    with ZipFile(built / f"{stem(project)}-py3-none-any.whl") as archive:
        held = set(archive.namelist())
    about = f"{stem(project)}.dist-info"
    (typed,) = project.glob("src/*/py.typed")
    source = typed.parent
    expected = {
        str(file.relative_to(source.parent))
        for file in source.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    if project == ROOT:
        pages = (file.relative_to(site) for file in site.rglob("*.html"))
        expected |= {f"satmint/documentation/{page}" for page in pages}
    assert {name for name in held if name.startswith(f"{source.name}/")} == expected
    assert f"{about}/licenses/LICENSE" in held
    outside = {name for name in held if not name.startswith((f"{source.name}/", f"{about}/"))}
    assert outside == {file.name for file in project.glob("src/*.pth")}


@pytest.mark.parametrize("project", NAMES, ids=named)
def test_a_source_distribution_holds_source_tests_and_licence(built: Path, project: Path) -> None:
    with tarfile.open(built / f"{stem(project)}.tar.gz") as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "PKG-INFO"} <= held
    assert any(name.startswith("tests/") and name.endswith(".py") for name in held)
    assert any(name.startswith("src/") and name.endswith("/py.typed") for name in held)


@pytest.mark.parametrize("project", NAMES, ids=named)
def test_the_source_gives_the_wheel_that_its_source_distribution_gives(
    built: Path, site: Path, project: Path, tmp_path: Path
) -> None:
    """Nothing that a wheel needs is missing in the source distribution, from which it was made."""
    source = copy_of_source(tmp_path, site=site) / project.relative_to(ROOT)
    wheel = archive_of("wheel", source, tmp_path, source_epoch())
    assert wheel.read_bytes() == (built / wheel.name).read_bytes()
