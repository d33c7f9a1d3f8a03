"""`satmint events follow`: what happens, as it happens."""

import json
import subprocess
from pathlib import Path

import pytest

from satmint.cli.program import run
from tests.kit.dev import SATMINT, clean_environment


@pytest.fixture
def deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "init"]) == 0
    assert run(["project", "create", "one"]) == 0
    capsys.readouterr()
    return tmp_path


def test_follows_what_other_processes_do(
    deployment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["token", "create", "ada", "--json"]) == 0
    with subprocess.Popen(
        [*SATMINT, "events", "follow", "--json"],
        cwd=deployment,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        try:
            assert following.stdout is not None
            told = [json.loads(following.stdout.readline()) for _ in range(2)]
            # Made by two processes, perhaps within one second: then they are in no order.
            assert {event["kind"] for event in told} == {"api_token_created", "issued"}
            for number in range(3):
                assert run(["token", "create", f"user-{number}", "--json"]) == 0
                event = json.loads(following.stdout.readline())
                assert (event["kind"], event["address"]) == ("issued", "cli")
        finally:
            following.terminate()
        rest, errors = following.communicate(timeout=20)
    assert (rest, errors) == ("", "")
    capsys.readouterr()


def test_begins_with_nothing_where_nothing_is_asked_for(deployment: Path) -> None:
    with subprocess.Popen(
        [*SATMINT, "events", "follow", "--last", "0"],
        cwd=deployment,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        with pytest.raises(subprocess.TimeoutExpired):
            following.communicate(timeout=2.5)
        following.terminate()
        assert following.communicate(timeout=20)[0] == ""
