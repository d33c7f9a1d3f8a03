"""`make fuzz`: so many inputs, and a table of what became of them. Ends with 1 on any wrong."""

import os
import sys
from time import monotonic
from typing import Final

from tests.proof.fuzz.running import run_all

INPUTS: Final = int(os.environ.get("FUZZ_INPUTS", "1000000"))
SEED: Final = os.environ.get("FUZZ_SEED", "20261121")


def main() -> int:
    """The exit code."""
    print(f"{INPUTS:,} inputs, seed {SEED}", flush=True)
    began = monotonic()
    reports = run_all(INPUTS, SEED)
    for report in reports.values():
        print("\n".join(report.lines()))
    wrong = sum(len(report.found) for report in reports.values())
    inputs = sum(report.inputs for report in reports.values())
    print(f"{inputs:,} inputs in {monotonic() - began:,.0f} s: {wrong or 'nothing'} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
