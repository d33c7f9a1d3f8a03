"""Every public name of the packages has a type that all type checkers read in the same way.

mypy's strict mode checks the packages from inside; pyright's `--verifytypes` looks at them from the
outside, as a type checker of a program does that uses them.
"""

import json
import os
from typing import Any

from tests.browser.vendor import pyright
from tests.sdk.environment import done, sdk_python


def test_the_sdk_is_completely_typed() -> None:
    report = completeness("satmint_sdk")
    incomplete = {
        symbol["name"]: [one["message"] for one in symbol["diagnostics"]]
        for symbol in report["symbols"]
        if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]
    }
    assert incomplete == {}
    assert report["completenessScore"] == 1
    assert report["exportedSymbolCounts"]["withKnownType"] > 250


def completeness(package: str) -> dict[str, Any]:
    """Pyright's report about an installed package; what it imports from others is theirs."""
    script = pyright()
    path = os.pathsep.join([str(sdk_python().parent), os.environ["PATH"]])
    options = ("--verifytypes", package, "--ignoreexternal", "--outputjson")
    ended = done("node", script, *options, env={**os.environ, "PATH": path})
    report: dict[str, Any] = json.loads(ended.stdout)["typeCompleteness"]
    return report
