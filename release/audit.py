"""Whether a known vulnerability is in what the lock files pin, as far as the service can be asked.

python -m release.audit requirements/runtime.txt

Exit codes: 0 none is known, or nobody could be asked, which is said aloud; 1 one is known. With
`--required`, as in the workflow of a release, it is also 1 if a package could not be looked up.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

_SECONDS: Final = 120


class Unanswered(Exception):
    """The service could not be asked; the message says why."""


def audited(lock: str) -> list[dict[str, Any]]:
    """The packages of a lock file as `pip-audit` reports them: `vulns`, or a `skip_reason`.

    Raises:
        Unanswered: There is no report.
    """
    command = [
        *(sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"),
        *("--disable-pip", "--require-hashes", "--requirement", lock),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unanswered(f"no answer within {_SECONDS} s") from None
    try:
        report: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        raise Unanswered(" ".join(done.stderr.split())[-300:]) from None
    return report


def findings(report: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """What is vulnerable, in words, and the names of the packages that were not looked up."""
    known = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, "
        f"fixed in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for package in report
        for vulnerability in package.get("vulns", ())
    ]
    return known, [package["name"] for package in report if "skip_reason" in package]


def main(arguments: Sequence[str]) -> int:
    """Audit each lock file named; return the exit code."""
    required = "--required" in arguments
    failed = False
    for lock in (word for word in arguments if word != "--required"):
        try:
            known, unknown = findings(audited(lock))
        except Unanswered as reason:
            print(f"NOT AUDITED: {lock}. {reason}", file=sys.stderr)
            failed = failed or required
            continue
        for sentence in known:
            print(f"VULNERABLE: {sentence}", file=sys.stderr)
        if unknown:
            names = ", ".join(unknown)
            print(f"NOT AUDITED: {lock}. Not found at the service: {names}", file=sys.stderr)
        failed = failed or bool(known) or (required and bool(unknown))
        if not known and not unknown:
            print(f"{lock}: no known vulnerability")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
