"""The service of `deploy/`: systemd understands it, and it has few privileges."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from satmint.settings import ENV_PREFIX, FIELDS
from tests.house.tree import ROOT
from tests.kit.apt import install

UNIT: Final = ROOT / "deploy" / "satmint.service"
DROP_INS: Final = sorted((ROOT / "deploy" / "satmint.service.d").glob("*.conf"))
HIGHEST_EXPOSURE: Final = 2.5
"""Of 10, as `systemd-analyze security` judges; 2.5 is the bar of the specification."""
COMBINATIONS: Final = [(), *((one,) for one in DROP_INS), tuple(DROP_INS)]
ASSIGNED: Final = re.compile(r"^Environment=(\w+)=", re.MULTILINE)
CREDENTIAL: Final = re.compile(r"^LoadCredential=([\w-]+):(\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def analyze() -> str:
    """The program that judges units."""
    if shutil.which("systemd-analyze") is None:
        install("systemd")
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip(
            "systemd-analyze is missing, so deploy/satmint.service is not tested."
            " On Debian: apt-get install systemd"
        )
    return found


def installed(folder: Path, drop_ins: tuple[Path, ...]) -> Path:
    """The unit as it is installed, but with a program that every machine has."""
    unit = folder / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    assert text.count("/opt/satmint/bin/satmint") == 1
    unit.write_text(text.replace("/opt/satmint/bin/satmint", "/bin/true"), encoding="utf-8")
    place = folder / f"{UNIT.name}.d"
    place.mkdir()
    for file in drop_ins:
        shutil.copy(file, place)
    return unit


def names(drop_ins: tuple[Path, ...]) -> str:
    return " ".join(file.stem for file in drop_ins) or "alone"


@pytest.mark.parametrize("drop_ins", COMBINATIONS, ids=names)
def test_systemd_understands_it_and_finds_few_privileges(
    analyze: str, tmp_path: Path, drop_ins: tuple[Path, ...]
) -> None:
    unit = installed(tmp_path, drop_ins)
    verified = run(analyze, "verify", "--recursive-errors=no", str(unit))
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    threshold = str(int(HIGHEST_EXPOSURE * 10))
    judged = run(
        *(analyze, "security", "--offline=true", "--no-pager", f"--threshold={threshold}"),
        str(unit),
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    exposure = re.search(r"exposure level for satmint\.service: (\d+\.\d)", judged.stdout)
    assert exposure is not None, judged.stdout
    assert float(exposure[1]) <= HIGHEST_EXPOSURE


def test_its_variables_are_settings_and_its_credentials_are_used() -> None:
    settings = {ENV_PREFIX + field.name.upper() for field in FIELDS}
    for file in (UNIT, *DROP_INS):
        text = file.read_text(encoding="utf-8")
        known = settings | {f"{ENV_PREFIX}CONFIG", "PGPASSFILE"}
        assert set(ASSIGNED.findall(text)) <= known
        for name, path in CREDENTIAL.findall(text):
            assert path == f"/etc/satmint/{name}"
            assert f"%d/{name}" in text


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
