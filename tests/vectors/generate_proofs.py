"""`python -m tests.vectors.generate_proofs`: makes `proofs.json` anew.

Each case is one proof, the name of the request that it came with, and the verdict: `accepted`, or
the cause of the first check that it fails. None of the server's own checks is used to make them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.vectors import proof_claims, proof_forms, proof_keys, proof_resources
from tests.vectors.proof_cases import REQUESTS, Case, good

FILE: Final = Path(__file__).with_name("proofs.json")


def cases() -> Iterator[Case]:
    """Every vector, the good ones first, then by the order of the checks."""
    yield from good()
    yield from proof_forms.bad_forms()
    yield from proof_keys.bad_types()
    yield from proof_keys.bad_algorithms()
    yield from proof_keys.bad_keys()
    yield from proof_keys.bad_signatures()
    yield from proof_claims.bad_claims()
    yield from proof_claims.bad_targets()
    yield from proof_claims.bad_times()
    yield from proof_claims.bad_hashes()
    yield from proof_claims.earlier_wins()
    yield from proof_resources.resources()


def text() -> str:
    """The file."""
    made = [case.to_json() for case in cases()]
    return json.dumps({"requests": REQUESTS, "cases": made}, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
