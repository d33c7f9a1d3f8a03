"""The tests in environments other than the locked one: what the bounds and classifiers promise.

python -m release.matrix            # lowest, and trixie where that is possible
python -m release.matrix lowest

`lowest` has the versions of `requirements/lowest.txt` in an environment of their own. `trixie`
is Debian's Python 3.13 and PostgreSQL 17, in a chroot that debootstrap makes: it needs root. Each
takes as long as `make test`. What they said belongs into `docs/proof.md`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from release.build import ROOT, copy_of_source

_TESTS: Final = ("tests", "--ignore=tests/house", "--ignore=tests/timing")
_OPTIONS: Final = ("-n", "2", "--dist", "worksteal")
_PACKAGES: Final = "python3,python3-venv,make,git,ca-certificates,curl,postgresql-17"
_POSTGRES: Final = "/usr/lib/postgresql/17/bin"
_CHROOT: Final = Path(os.environ.get("SATMINT_TEST_CHROOT", "/var/tmp/satmint-trixie"))  # noqa: S108


def lowest() -> int:
    """Run the tests with the lowest versions; return the exit code."""
    environment = ROOT / ".venv-lowest"
    python = environment / "bin" / "python"
    _run(sys.executable, "-m", "venv", environment)
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--require-hashes", "--no-deps", "-r", ROOT / "requirements" / "dev.txt")
    _run(*pip, "--require-hashes", "--no-deps", "-r", ROOT / "requirements" / "lowest.txt")
    _run(*pip, "--no-deps", "--no-build-isolation", "-e", ROOT)
    return _code(python, "-m", "pytest", *_TESTS, *_OPTIONS)


def trixie() -> int:
    """Run the tests on Debian trixie; return the exit code."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        print("NOT TESTED: trixie. It needs root and debootstrap (Debian).", file=sys.stderr)
        return 0
    if not (_CHROOT / "etc" / "debian_version").exists():
        options = ("--variant=minbase", f"--include={_PACKAGES}")
        _run("debootstrap", *options, "trixie", _CHROOT)
    shutil.rmtree(_CHROOT / "source", ignore_errors=True)
    copy_of_source(_CHROOT)
    for file in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc") / file, _CHROOT / "etc" / file)
    mounted = [_CHROOT / "proc", _CHROOT / "dev"]
    for place in mounted:
        _run("mount", "--bind", Path("/") / place.name, place)
    inside = ("chroot", _CHROOT, "sh", "-euc")
    variables = {"LC_ALL": "C.UTF-8", "TMPDIR": "/tmp", "SATMINT_TEST_POSTGRES": _POSTGRES}  # noqa: S108
    try:
        _run(*inside, "cd /source && make setup .venv-sdk/.installed", env=variables)
        command = " ".join((".venv/bin/pytest", *_TESTS, *_OPTIONS))
        return _code(*inside, f"cd /source && {command}", env=variables)
    finally:
        for place in mounted:
            _run("umount", place)


CONFIGURATIONS: Final[Mapping[str, Callable[[], int]]] = {"lowest": lowest, "trixie": trixie}


def _run(*command: str | Path, env: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}, check=True)


def _code(*command: str | Path, env: Mapping[str, str] | None = None) -> int:
    variables = {**os.environ, **(env or {})}
    return subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """Run the configurations named, or all; return 1 if tests of one failed."""
    codes = {name: CONFIGURATIONS[name]() for name in arguments or CONFIGURATIONS}
    for name, code in codes.items():
        print(f"{name}: {'passed' if code == 0 else 'FAILED'}")
    return int(any(codes.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
