"""`make matrix` runs what documents and classifiers say was tried, and its record is complete."""

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Final

import pytest
from release.chroot import pip_paths, pip_variables
from release.matrix import CONFIGURATIONS, main
from release.results import HEADING, Result, result_of

from tests.house.tree import ROOT

PROOF: Final = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
REPORT: Final = (
    '<?xml version="1.0"?><testsuites><testsuite name="pytest" errors="1" failures="2" skipped="4"'
    ' tests="1010" time="90.0"></testsuite></testsuites>'
)


def test_a_report_becomes_a_row_of_the_record(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    result = result_of(report)
    assert result == Result(passed=1003, failed=3, skipped=4, seconds=90)
    row = result.row("trixie", "all", date(2026, 12, 2))
    assert row == "| trixie | all | 1,003 | 3 | 4 | 1.5 | 2026-12-02 |"
    assert row.count("|") == HEADING.splitlines()[0].count("|")


def test_tests_that_could_not_start_are_a_failure(tmp_path: Path) -> None:
    assert result_of(tmp_path / "missing.xml").failed == 1


def test_what_cannot_be_run_is_said_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("release.matrix._postgres_folders", list)
    assert main(["postgres-15"]) == 0
    assert "NOT TESTED: postgres-15: there is no PostgreSQL 15" in capsys.readouterr().out


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_record_has_a_row_of_each_configuration(name: str) -> None:
    assert f"\n| {name} |" in PROOF


def test_each_postgresql_that_documents_say_was_tried_has_a_configuration() -> None:
    operating = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    (versions,) = re.findall(r"The tests run with PostgreSQL ([\d, ]+) and (\d+)", operating)
    named = {version.strip() for version in (*versions[0].split(","), versions[1])}
    assert named == {
        *(name.removeprefix("postgres-") for name in CONFIGURATIONS if "postgres-" in name),
        "17",  # trixie's
    }


def test_each_python_that_is_declared_has_tests_in_the_record() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    section = PROOF.partition("\n## Versions\n")[2].partition("\n## ")[0]
    for classifier in project["classifiers"]:
        if version := re.fullmatch(r"Programming Language :: (Python :: 3\.\d+)", classifier):
            assert version[1].replace(" :: ", " ") in section


def test_pip_in_a_chroot_has_the_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def settings() -> list[tuple[str, str]]:
        return [
            (":env:.cert", "/etc/hosts"),
            ("global.find-links", f"\n{ROOT / 'docs'}\nfile://{ROOT / 'src'}"),
            ("global.index-url", "https://index.example/simple"),
            ("global.extra-index-url", f"file://{ROOT / 'packages' / 'pytest-satmint'}"),
            ("global.constraint", "/there/is/no/such/file"),
        ]

    monkeypatch.setattr("release.chroot._pip_settings", settings)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://variable.example/simple")
    variables = pip_variables()
    assert variables["PIP_FIND_LINKS"] == f"{ROOT / 'docs'} file://{ROOT / 'src'}"
    assert "PIP_INDEX_URL" not in variables  # the process has it, and hands it on
    folders = [str(ROOT / name) for name in ("docs", "packages", "src")]
    assert pip_paths() == sorted(["/etc/hosts", *folders])
