"""The wheel, alone in an environment that holds nothing but what it asks for."""

import shutil
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from tests.house.tree import ROOT
from tests.kit.dev import clean_environment, running_dev
from tests.sdk.environment import built_wheel, done, pointed_at, sdk_packages, sdk_python

PROGRAM: Final = """
import asyncio, os, sys
import satmint_sdk
from satmint_sdk.credentials import (
    CredentialSession, DPoPKey, EmbedTokenCredentialProvider, SessionClient
)
from satmint_sdk.rest import RestClient

with RestClient() as client:
    pair = client.fabric.tokens.create_subscriber_token(reference="wheel")
    fresh = client.fabric.tokens.refresh_subscriber_token(refresh_token=pair["refresh_token"])
    assert fresh["token"] != pair["token"]

async def visit():
    provider = EmbedTokenCredentialProvider(os.environ["SIGNALWIRE_SPACE"], os.environ["C2C_TOKEN"])
    async with CredentialSession(provider, key=DPoPKey.generate("RS256")) as session:
        assert await session.token()
        try:
            SessionClient(session)
        except ImportError as missing:
            assert "satmint-sdk[gateway]" in str(missing)
        else:
            raise AssertionError("the extra was not asked for")

asyncio.run(visit())
print(satmint_sdk.__version__, satmint_sdk.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel("satmint-sdk", tmp_path_factory.mktemp("wheel"))


def needed_by(requirements: list[str] | None) -> Iterator[Distribution]:
    """The installed distributions that these requirements, and theirs in turn, ask for."""
    for text in requirements or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            (found,) = Distribution.discover(name=requirement.name, path=[str(sdk_packages())])
            yield found
            yield from needed_by(found.requires)


def test_the_wheel_holds_the_package_its_types_and_its_licence(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        held = set(archive.namelist())
    source = ROOT / "packages" / "satmint-sdk" / "src"
    expected = {
        str(path.relative_to(source))
        for path in (source / "satmint_sdk").rglob("*")
        if path.suffix in (".py", ".typed")
    }
    (about,) = {name.split("/")[0] for name in held} - {"satmint_sdk"}
    assert about.endswith(".dist-info")
    assert "satmint_sdk/py.typed" in held
    assert {name for name in held if name.startswith("satmint_sdk/")} == expected
    assert f"{about}/licenses/LICENSE" in held


def test_the_wheel_installs_and_works_with_what_it_asks_for_and_no_more(
    wheel: Path, tmp_path: Path
) -> None:
    """Its dependencies are put there first, as they are locked: no index is asked."""
    environment = tmp_path / "empty"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    (packages,) = environment.glob("lib/python3*/site-packages")
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "opened")
    (about,) = (tmp_path / "opened").glob("*.dist-info")
    needed = {found.name: found for found in needed_by(PathDistribution(about).requires)}
    for found in needed.values():
        for file in found.files or []:
            source = sdk_packages() / file
            if ".." not in file.parts and source.exists():
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, packages / file)
    installed = done(
        *(sdk_python(), "-m", "pip", "--python", python, "--disable-pip-version-check"),
        *("install", "--quiet", "--no-index", wheel),
        env=clean_environment(PIP_CONFIG_FILE="/dev/null", PIP_FIND_LINKS="", PYTHONPATH=""),
    )
    assert installed.returncode == 0, installed.stderr
    assert done(sdk_python(), "-m", "pip", "--python", python, "check").returncode == 0
    with running_dev(tmp_path / "server") as server:
        ended = done(python, "-W", "error", "-c", PROGRAM, env=pointed_at(server), cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    version, place = ended.stdout.split()
    assert f"-{version}-" in wheel.name
    assert Path(place).is_relative_to(packages)
