"""What runs of tests said, as rows of the table in `docs/proof.md`."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

HEADING: Final = """\
| environment | tests | passed | failed | skipped | minutes | date |
|---|---|---:|---:|---:|---:|---|"""


@dataclass(frozen=True, slots=True)
class Result:
    """One run of pytest."""

    passed: int
    failed: int
    """With those whose set-up or end failed."""
    skipped: int
    seconds: float

    def row(self, environment: str, tests: str, day: date) -> str:
        """A row below `HEADING`."""
        counts = f"{self.passed:,} | {self.failed:,} | {self.skipped:,}"
        return f"| {environment} | {tests} | {counts} | {self.seconds / 60:.1f} | {day} |"


def result_of(report: Path) -> Result:
    """Read a report of `pytest --junitxml`; none, since pytest could not start, is one failure."""
    if not report.exists():
        return Result(passed=0, failed=1, skipped=0, seconds=0)
    (suite,) = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - our own file
    tests, failures, errors, skipped = (
        int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return Result(tests - failed - skipped, failed, skipped, float(suite.attrib["time"]))
