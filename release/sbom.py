"""The server's bill of materials: CycloneDX, with the hashes of the lock file.

python -m release.sbom dist requirements/runtime.txt

`cyclonedx-py` reads the lock file and validates the document; what it cannot know from there is
added: the version of satmint, and that its wheel asks for these components.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from release.build import ROOT, source_epoch
from release.version import server_version

SPECIFICATION: Final = "1.6"


def bill_of_materials(lock: Path, version: str) -> dict[str, Any]:
    """The document for a lock file, the same at each call for the same commit.

    Args:
        lock: Pins with hashes.
        version: Of satmint.
    """
    command = [
        *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"),
        *("--output-reproducible", "--validate", "--spec-version", SPECIFICATION),
        *("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"),
        str(lock),
    ]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": source_epoch()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    satmint = document["metadata"]["component"]
    satmint["version"] = version
    satmint["purl"] = f"pkg:pypi/satmint@{version}"
    for component in document["components"]:
        component.pop("description", None)  # the line of the lock file, with all hashes once more
    references = sorted(component["bom-ref"] for component in document["components"])
    document["dependencies"] = [
        {"ref": satmint["bom-ref"], "dependsOn": references},
        *({"ref": reference} for reference in references),
    ]
    return document


def main(arguments: Sequence[str]) -> int:
    """Write `satmint-VERSION.cdx.json` into the folder named, for the lock file named."""
    folder, lock = Path(arguments[0]), Path(arguments[1])
    version = server_version()
    file = folder / f"satmint-{version}.cdx.json"
    text = json.dumps(bill_of_materials(lock, version), indent=2, sort_keys=True)
    file.write_text(f"{text}\n", encoding="utf-8")
    print(file.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
