"""`make fuzz`: so many inputs, and a table of what became of them. Ends with 1 on any wrong.

`FUZZ_ONE` names one input, as it is named where it was found; it alone is tried.
"""

import os
import sys
from time import monotonic
from typing import Final

from tests.fuzz.running import Chunk, quiet, run_all, run_chunk

INPUTS: Final = int(os.environ.get("FUZZ_INPUTS", "1000000"))
SEED: Final = os.environ.get("FUZZ_SEED", "20261121")
ONE: Final = os.environ.get("FUZZ_ONE", "")


def main() -> int:
    """The exit code."""
    if ONE:
        return try_one(*ONE.split(":"))
    print(f"{INPUTS:,} inputs, seed {SEED}", flush=True)
    began = monotonic()
    reports = run_all(INPUTS, SEED)
    for report in reports.values():
        print("\n".join(report.lines()))
    wrong = sum(len(report.found) for report in reports.values())
    if wrong:
        print(
            f"Try one again, such as streams:7:4711, with FUZZ_SEED={SEED} FUZZ_ONE=streams:7:4711"
        )
    inputs = sum(report.inputs for report in reports.values())
    print(f"{inputs:,} inputs in {monotonic() - began:,.0f} s: {wrong or 'nothing'} wrong")
    return 1 if wrong else 0


def try_one(target: str, chunk: str, number: str) -> int:
    """Try one input again; the exit code."""
    quiet()
    report = run_chunk(Chunk(target, SEED, int(chunk), 1, int(number)))
    print("\n".join(report.found or report.outcomes))
    return 1 if report.found else 0


if __name__ == "__main__":
    sys.exit(main())
