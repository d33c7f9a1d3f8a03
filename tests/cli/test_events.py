"""`satmint events follow`: what happens, as it happens."""

import asyncio
import json
import subprocess
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from satmint.cli.events import _event_line
from satmint.cli.program import run
from satmint.model.clock import SystemClock
from satmint.model.events import Event, EventKind, Origin
from satmint.store.sqlite import open_sqlite
from tests.kit.dev import SATMINT, clean_environment
from tests.store.store_setup import Given


@pytest.fixture
def deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "init"]) == 0
    assert run(["project", "create", "one"]) == 0
    capsys.readouterr()
    return tmp_path


async def record_at(step: int) -> None:
    """An event of a server whose clock differs by `step` seconds."""
    now = SystemClock().now() + step
    store = await open_sqlite(Path("satmint.db"), now)
    try:
        (project,) = await store.projects.list()
        event = Given(store, f"step {step}").event(EventKind.DOWNGRADE_REFUSED, project.id, at=now)
        await store.events.record(event)
    finally:
        await store.close()


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
            assert [event["kind"] for event in told] == ["api_token_created", "issued"]
            for step in (-3600, -15, 3600, 0):
                asyncio.run(record_at(step))
                event = json.loads(following.stdout.readline())
                assert event["kind"] == "downgrade_refused"
            for number in range(3):
                assert run(["token", "create", f"user-{number}", "--json"]) == 0
                event = json.loads(following.stdout.readline())
                assert (event["kind"], event["address"]) == ("issued", "cli")
        finally:
            following.terminate()
        rest, errors = following.communicate(timeout=20)
    assert (rest, errors) == ("", "")
    capsys.readouterr()


def test_cause_that_is_a_name_and_a_value_is_shown_as_such() -> None:
    origin = Origin(request_id="", address="cli", agent="")
    event = Event(
        UUID(int=1).bytes,
        UUID(int=2),
        EventKind.DATABASE_ADOPTED,
        0,
        origin,
        cause="incarnation=2",
    )
    assert _event_line(event).plain == (
        "1970-01-01T00:00:00Z database_adopted incarnation=2 address=cli"
    )
    other = msgspec.structs.replace(event, cause="stolen")
    assert _event_line(other).plain.endswith(" cause=stolen address=cli")


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
