"""What a release needs: one version, a dated section of the changelog, dependencies with bounds."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]
from packaging.requirements import Requirement
from packaging.version import Version
from release.audit import findings
from release.build import projects
from release.version import faults, sections, server_version, versions

from tests.house.test_requirements import entries
from tests.house.tree import ROOT, named

PROJECTS: Final = projects()
WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED: Final = re.compile(r"uses: [a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def project_of(folder: Path) -> dict[str, Any]:
    about = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    project: dict[str, Any] = about["project"]
    return project


def pins(lock: str) -> dict[str, Version]:
    """The versions of a lock file, by name."""
    split = (entry[0].partition(";")[0] for entry in entries(ROOT / "requirements" / lock))
    return {name: Version(pin) for name, pin in (text.strip().split("==") for text in split)}


def bound(requirement: Requirement, operator: str) -> Version:
    (found,) = (one.version for one in requirement.specifier if one.operator == operator)
    return Version(found)


def next_series(version: Version) -> Version:
    """The first version that may be incompatible: the next major one, or minor one before 1.0."""
    major, minor = version.major, version.minor
    return Version(f"{major + 1}" if major else f"0.{minor + 1}")


def test_the_version_stands_once_in_each_distribution_and_is_the_same_in_all() -> None:
    assert len(versions()) == len(PROJECTS) >= 3
    assert set(versions().values()) == {server_version()}
    for project in PROJECTS:
        assert "version" in project_of(project)["dynamic"]


def test_the_changelog_has_a_dated_section_for_each_version_newest_first() -> None:
    assert faults(f"v{server_version()}") == []
    known = [Version(version) for version in sections()]
    assert known == sorted(known, reverse=True)
    assert list(sections().values()) == sorted(sections().values(), reverse=True)
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    dated = [f"{version} – {date}" for version, date in sections().items()]
    assert [heading for heading in headings if heading != "Unreleased"] == dated


def test_a_tag_of_another_version_is_refused() -> None:
    refused = faults("v99.0.0")
    assert len(refused) == len(PROJECTS) + 1
    assert refused[-1] == "CHANGELOG.md has no section «## 99.0.0 – YYYY-MM-DD»"


@pytest.mark.parametrize("text", project_of(ROOT)["dependencies"])
def test_both_bounds_of_a_dependency_were_met_by_tests(text: str) -> None:
    """The suite runs with the locked versions, and with the lowest; nothing newer is let in."""
    requirement = Requirement(text)
    lowest, locked = pins("lowest.txt"), pins("runtime.txt")
    name = requirement.name
    release = lowest[name].release[: len(bound(requirement, ">=").release)]
    assert release == bound(requirement, ">=").release
    assert bound(requirement, "<") == next_series(locked[name])


def test_the_lowest_versions_are_of_the_packages_that_are_locked() -> None:
    assert pins("runtime.txt").keys() <= pins("lowest.txt").keys()
    sdk = project_of(ROOT / "packages" / "satmint-sdk")
    for text in [*sdk["dependencies"], *sdk["optional-dependencies"]["gateway"]]:
        requirement = Requirement(text)
        lowest = pins("lowest-sdk.txt")[requirement.name]
        wanted = bound(requirement, ">=")
        assert lowest.release[: len(wanted.release)] == wanted.release


@pytest.mark.parametrize("folder", PROJECTS, ids=named)
def test_a_package_has_types_a_licence_and_says_for_what_python(folder: Path) -> None:
    assert len(list(folder.glob("src/*/py.typed"))) == 1
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    project = project_of(folder)
    assert project["requires-python"] == ">=3.11"
    assert {
        "Typing :: Typed",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.13",
    } <= set(project["classifiers"])
    assert project["license-files"] == ["LICENSE"]


def test_all_packages_declare_the_same_pythons() -> None:
    python = re.compile(r"Programming Language :: Python :: 3\.\d+")
    declared = {
        folder.name: tuple(filter(python.fullmatch, project_of(folder)["classifiers"]))
        for folder in PROJECTS
    }
    assert len(set(declared.values())) == 1, declared


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=named)
def test_a_workflow_calls_make_and_pinned_actions_alone(workflow: Path) -> None:
    text = workflow.read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    used = re.findall(r"uses: .*", text)
    assert used
    for line in used:
        assert PINNED.fullmatch(line), line
    for name, job in document["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        for step in job["steps"]:
            assert step.get("run", "make ").startswith("make "), step
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_there_is_a_workflow_for_checks_and_one_for_releases() -> None:
    assert [workflow.stem for workflow in WORKFLOWS] == ["checks", "release"]


def test_workflows_call_targets_that_there_are() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for workflow in WORKFLOWS:
        for line in re.findall(r"run: make (.*)", workflow.read_text(encoding="utf-8")):
            assert {word for word in line.split() if "=" not in word} <= targets, line


def test_only_the_job_that_publishes_has_rights_and_it_runs_no_code_of_ours() -> None:
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))
    assert release["permissions"] == {}
    assert release["jobs"]["build"]["permissions"] == {"contents": "read"}
    publish = release["jobs"]["publish"]
    assert publish["permissions"] == {"attestations": "write", "id-token": "write"}
    assert all("uses" in step for step in publish["steps"])


def test_the_audit_tells_what_is_vulnerable_and_what_nobody_knows() -> None:
    report: list[dict[str, Any]] = [
        {"name": "a", "version": "1", "vulns": []},
        {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"]}]},
        {"name": "c", "version": "3", "vulns": [{"id": "CVE-2", "fix_versions": []}]},
        {"name": "d", "skip_reason": "not found"},
    ]
    assert findings(report) == (
        ["b 2: CVE-1, fixed in 2.1", "c 3: CVE-2, fixed in no version yet"],
        ["d"],
    )
