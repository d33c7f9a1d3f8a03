"""Both SDKs in one environment, installed and removed by pip in every order.

Each order has a fresh environment, into which pip puts the vendor's wheel and ours; what they
depend on is shared among the environments.
"""

import itertools
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple
from zipfile import ZipFile

import pytest

from tests.house.test_requirements import entries
from tests.house.tree import ROOT
from tests.interop.vendor import vendor_python
from tests.kit.dev import clean_environment
from tests.sdk.environment import built_wheel, done, sdk_packages

LOCK: Final = ROOT / "requirements" / "vendor.txt"
OURS: Final = ("satmint-sdk", "satmint-signalwire")
_SECONDS: Final = 300

THE_VENDORS: Final = """
from pathlib import Path
import signalwire
from signalwire import AgentBase
from signalwire.rest import PhoneCallHandler, RestClient
assert AgentBase.__module__.startswith("signalwire.core.")
assert RestClient.__module__ == "signalwire.rest.client"
assert Path(signalwire.__file__).parent.name == "signalwire"
"""
OUR_OWN: Final = """
import satmint_sdk.credentials, satmint_sdk.rest
"""
OURS_FOR_THEIRS: Final = """
from signalwire.credentials import CredentialSession
from signalwire.rest import RestClient
import satmint_sdk.credentials, satmint_sdk.rest
assert RestClient is satmint_sdk.rest.RestClient
assert CredentialSession is satmint_sdk.credentials.CredentialSession
"""
NEITHER: Final = """
from importlib.util import find_spec
assert find_spec("signalwire") is None
"""
FINDERS: Final = "import sys; print(sum('FallbackFinder' in repr(one) for one in sys.meta_path))"


class Wheels(NamedTuple):
    """Wheels to install, and what they depend on."""

    vendor: Path
    ours: tuple[Path, ...]
    shared: tuple[Path, ...]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    folder = tmp_path_factory.mktemp("side-by-side")
    ours = tuple(built_wheel(package, folder / "ours" / package) for package in OURS)
    shared: list[Path] = []
    for packages in (vendor_packages(), sdk_packages()):
        shared.append(folder / f"shared-{len(shared)}")
        ignored = shutil.ignore_patterns(
            *("signalwire*", "*satmint*", "__pycache__", "pip*", "setuptools*", "*.pth"),
            *("pkg_resources", "_distutils_hack"),
        )
        shutil.copytree(packages, shared[-1], ignore=ignored, copy_function=os.symlink)
    return Wheels(vendors_wheel(folder), ours, tuple(shared))


def vendor_packages() -> Path:
    (found,) = vendor_python().parents[1].glob("lib/python3*/site-packages")
    return found


def vendors_wheel(folder: Path) -> Path:
    """The vendor's wheel, as it is locked."""
    (pinned,) = (one for one in entries(LOCK) if re.match(r"signalwire-sdk==", one[0]))
    lock = folder / "vendor.txt"
    lock.write_text(" ".join(pinned) + "\n", encoding="utf-8")
    arguments = ("download", "--quiet", "--no-deps", "--require-hashes", "--dest", str(folder))
    pip = (str(vendor_python()), "-m", "pip", "--disable-pip-version-check")
    wanted = ("--only-binary", ":all:", "-r", str(lock))
    subprocess.run([*pip, *arguments, *wanted], check=True, timeout=_SECONDS)
    (found,) = folder.glob("signalwire_sdk-*.whl")
    return found


class Environment:
    """A fresh environment, and pip for it."""

    def __init__(self, folder: Path, wheels: Wheels) -> None:
        if not folder.exists():
            venv.create(folder, with_pip=False)
        self._folder = folder
        self._wheels = wheels
        self.python = folder / "bin" / "python"
        (self.packages,) = folder.glob("lib/python3*/site-packages")
        (self.packages / "shared.pth").write_text("".join(f"{one}\n" for one in wheels.shared))

    def copied(self, folder: Path) -> "Environment":
        """Another one with what is installed here."""
        shutil.copytree(self._folder, folder, symlinks=True)
        return Environment(folder, self._wheels)

    def install(self, which: str) -> None:
        found = (self._wheels.vendor,) if which == "vendor" else self._wheels.ours
        self._pip("install", "--no-index", "--no-compile", *map(str, found))

    def uninstall(self, which: str) -> None:
        self._pip("uninstall", "--yes", *(["signalwire-sdk"] if which == "vendor" else OURS))

    def _pip(self, *arguments: str) -> None:
        # What `pip --python` runs, without another pip that starts it.
        pip = (self.python, vendor_packages() / "pip" / "__pip-runner__.py")
        options = ("--disable-pip-version-check", arguments[0], "--quiet", *arguments[1:])
        ended = done(*pip, *options, env=plain())
        assert ended.returncode == 0, ended.stderr

    def runs(self, code: str) -> None:
        ended = done(self.python, "-c", code, env=plain())
        assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr

    def check(self, installed: set[str]) -> None:
        """Everything that is installed works, and the vendor's name is the vendor's if it is."""
        if "ours" in installed:
            self.runs(OUR_OWN)
        if "vendor" in installed:
            self.runs(THE_VENDORS)
        else:
            self.runs(OURS_FOR_THEIRS if "ours" in installed else NEITHER)

    def files(self) -> dict[str, int]:
        """What is in the environment, but for what running it compiles."""
        return {
            str(path.relative_to(self.packages)): path.stat().st_size
            for path in self.packages.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }


def plain() -> dict[str, str]:
    return clean_environment(PYTHONPATH="", HOME=os.environ.get("HOME", "/"), PIP_FIND_LINKS="")


@pytest.fixture
def environment(wheels: Wheels, tmp_path: Path) -> Iterator[Environment]:
    yield Environment(tmp_path / "environment", wheels)
    shutil.rmtree(tmp_path)


def test_no_file_of_ours_is_also_one_of_the_vendors(wheels: Wheels) -> None:
    theirs = set(ZipFile(wheels.vendor).namelist())
    for wheel in wheels.ours:
        names = set(ZipFile(wheel).namelist())
        assert names.isdisjoint(theirs)
        assert not any(name.split("/")[0].split(".")[0] == "signalwire" for name in names)
    assert "satmint-signalwire.pth" in ZipFile(wheels.ours[1]).namelist()


@pytest.mark.parametrize("order", list(itertools.permutations(("vendor", "ours"))))
def test_both_sdks_work_whatever_the_order_of_installation(
    environment: Environment, order: tuple[str, str], tmp_path: Path
) -> None:
    installed: set[str] = set()
    files = {}
    for which in order:
        before = environment.files()
        environment.install(which)
        installed.add(which)
        environment.check(installed)
        files[which] = environment.files().items() - before.items()
        assert before.items() <= environment.files().items()  # nothing of the other is touched
    for first, last in (order, order[::-1]):
        left = environment.copied(tmp_path / f"without-{first}")
        left.uninstall(first)
        left.check({last})
        assert files[last] <= left.files().items()
        left.uninstall(last)
        left.check(set())
        assert left.files().keys() == {"shared.pth"}


def test_ours_come_back_and_are_upgraded_beside_the_vendors(environment: Environment) -> None:
    for which in ("ours", "vendor", "vendor", "ours"):
        environment.install(which)
    environment.check({"vendor", "ours"})
    ended = done(environment.python, "-c", FINDERS, env=plain())
    assert ended.stdout.strip() == "1"


def test_a_vendors_package_further_down_the_path_wins(
    environment: Environment, wheels: Wheels, tmp_path: Path
) -> None:
    """As with ours in a user's site directory, and the vendor's in the system's."""
    system = tmp_path / "system"
    with ZipFile(wheels.vendor) as archive:
        archive.extractall(system)
    environment.install("ours")
    (environment.packages / "zz-system.pth").write_text(f"{system}\n", encoding="utf-8")
    environment.check({"vendor", "ours"})


def test_this_interpreter_has_neither() -> None:
    assert not {"signalwire", "satmint_sdk", "satmint_signalwire"} & sys.modules.keys()
