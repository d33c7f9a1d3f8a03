"""The wheels, installed where nothing is but what they ask for."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx
import pytest
from release.version import server_version

from tests.kit.dev import DevServer, clean_environment
from tests.kit.empty_environment import empty_environment, packages_of
from tests.sdk.environment import done, pointed_at, sdk_python

PROGRAM: Final = """
import asyncio, os
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
            return False
        return True

print(satmint_sdk.__version__, satmint_sdk.__file__, asyncio.run(visit()))
"""
_STOP_SECONDS: Final = 60


def wheel(built: Path, name: str) -> Path:
    return built / f"{name}-{server_version()}-py3-none-any.whl"


@pytest.fixture(scope="module")
def satmint(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a server that is installed alone."""
    folder = tmp_path_factory.mktemp("server") / "environment"
    python = empty_environment(folder, [wheel(built, "satmint")], Path(sys.executable))
    return python.with_name("satmint")


def test_the_server_tells_its_version(satmint: Path, tmp_path: Path) -> None:
    said = done(satmint, "version", "--json", env=clean_environment(), cwd=tmp_path)
    assert (said.returncode, said.stderr) == (0, "")
    assert json.loads(said.stdout)["version"] == server_version()


@pytest.mark.parametrize("extras", [(), ("gateway",)], ids=["no extra", "gateway"])
def test_server_and_sdk_work_together_from_their_wheels(
    built: Path, satmint: Path, tmp_path: Path, extras: tuple[str, ...]
) -> None:
    wheels = [wheel(built, name) for name in ("satmint_sdk", "satmint_signalwire")]
    python = empty_environment(tmp_path / "environment", wheels, sdk_python(), extras)
    log = tmp_path / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [satmint, "dev", "--json", "--port", "0", "--https-port", "0", "--data", tmp_path],
            env=clean_environment(PYTHONPATH=""),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            dev = DevServer(process, line, log)
            variables = pointed_at(dev)
            documentation = httpx.get(f"{dev['http']}/docs/guides/index.html")
            ended = done(python, "-W", "error", "-c", PROGRAM, env=variables, cwd=tmp_path)
            vendor_name = PROGRAM.replace("from satmint_sdk.rest", "from signalwire.rest")
            by_other_name = done(python, "-c", vendor_name, env=variables, cwd=tmp_path)
        finally:
            process.terminate()
        assert process.wait(_STOP_SECONDS) == 0
    assert (ended.returncode, ended.stderr) == (0, "")
    version, place, has_live_sessions = ended.stdout.split()
    assert version == server_version()
    assert Path(place).is_relative_to(packages_of(python))
    assert has_live_sessions == str(bool(extras))
    assert documentation.text == "<title>Guides</title>"
    assert by_other_name.stdout == ended.stdout, by_other_name.stderr
