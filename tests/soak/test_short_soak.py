"""The short form of `make soak`: a crowd on shared sessions, kills, and a history, judged."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from tests.kit.databases import DATABASES, SQLITE, fresh_database
from tests.soak.deployment import Deployment
from tests.soak.full_queue import QueueReport
from tests.soak.history import Answer, Deed
from tests.soak.history_checker import ViolationKind
from tests.soak.promptness import Awaited
from tests.soak.spans import Span
from tests.soak.thefts import Discipline, TheftViolation
from tests.soak.trial import Outcome, play
from tests.soak.troubles import Plan

GAP: Final = (0.1, 0.6)
PLANS: Final = (
    (SQLITE, Plan("SQLite", workers=1, bands=36, kills=1, gap=GAP)),
    (SQLITE, Plan("SQLite, 2 workers", workers=2, bands=36, kills=2, gap=GAP)),
    (DATABASES[1], Plan("PostgreSQL, 2 workers", workers=2, bands=36, kills=2, gap=GAP)),
)


@pytest.mark.parametrize(("kind", "plan"), PLANS, ids=[plan.name for _, plan in PLANS])
async def test_answers_are_consistent_whatever_is_killed(
    tmp_path: Path, kind: str, plan: Plan
) -> None:
    outcome = await play(plan, tmp_path, await fresh_database(kind, tmp_path))
    assert outcome.violations == []
    assert outcome.bugs == []
    told = outcome.operations
    for seen in (
        (Deed.REFRESH, Answer.GRANTED),
        (Deed.REFRESH, Answer.REFUSED),
        (Deed.REFRESH, Answer.UNKNOWN),
        (Deed.USE, Answer.GRANTED),
        (Deed.USE, Answer.REFUSED),
        (Deed.REVOKE, Answer.GRANTED),
    ):
        assert told[seen] > 0, seen
    assert outcome.sessions >= plan.bands
    assert sum(outcome.kills.values()) == plan.kills


async def test_a_token_is_refused_by_verifiers_a_second_after_its_end_whatever_is_killed(
    tmp_path: Path,
) -> None:
    plan = Plan(
        "verifiers",
        workers=1,
        bands=0,
        kills=2,
        gap=(0.1, 0.3),
        operations=500,
        clocks=(None, None),
        verifiers=24,
        believed_seconds=2,  # beside other tests, a server may wait a second for a core
        verifiers_per_server=1,
    )
    outcome = await play(plan, tmp_path, await fresh_database(SQLITE, tmp_path))
    assert outcome.violations == []
    assert outcome.bugs == []
    assert outcome.untried == []
    # Each player ends the session that it has begun, whenever the soak stops, and asks both
    # verifiers about it: how many more sessions it had is a matter of the machine.
    assert sum(outcome.tries.values()) > plan.verifiers
    for answer in (Answer.GRANTED, Answer.REFUSED):
        assert outcome.operations[Deed.VERIFY, answer] > plan.verifiers


_ENOUGH: Final = 3000
"""Operations after which there are sessions of every kind."""
FORGET: Final = """
CREATE TEMP TABLE third AS SELECT session_id, abs(random()) % 3 AS part FROM sessions;
DELETE FROM events WHERE kind = 'refreshed' AND EXISTS (
    SELECT 1 FROM sessions JOIN third USING (session_id) WHERE part = 0
       AND session_id = events.session_id AND sessions.generation = events.generation);
UPDATE sessions SET generation = generation - 1
 WHERE generation > 0 AND session_id IN (SELECT session_id FROM third WHERE part = 0);
UPDATE sessions SET revoked_at = NULL
 WHERE session_id IN (SELECT session_id FROM third WHERE part = 1);
DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM third WHERE part = 2);
"""


async def test_a_database_that_forgets_what_was_acknowledged_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_and_forget(self: Deployment) -> None:
        kill(self)
        with closing(sqlite3.connect(tmp_path / "satmint.db")) as db:
            db.executescript(FORGET)

    kill = Deployment.kill
    monkeypatch.setattr(Deployment, "kill", kill_and_forget)
    plan = Plan(
        "forgetful",
        workers=1,
        callers=3,
        rounds=8,
        kills=1,
        gap=(0.1, 0.1),
        operations=_ENOUGH,
    )
    outcome = await play(plan, tmp_path, await fresh_database(SQLITE, tmp_path))
    assert not outcome.good
    assert "VIOLATION" in "\n".join(outcome.lines())
    told = [found.detail for found in outcome.violations if found.wrong is ViolationKind.LOST]
    for what in ("generation", "a revocation", "there is no such session"):
        assert any(detail.startswith(what) for detail in told), (what, told)


async def test_a_server_that_replays_for_too_long_misses_thieves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thieves wait for a window of a second, and the server has one of ten minutes."""
    make = Deployment.make

    async def make_lax(*arguments: Any, **named: Any) -> Deployment:  # noqa: ANN401 - passed on
        deployment = await make(*arguments, **named)
        for server in deployment.servers:
            server.settings["SATMINT_REPLAY_SECONDS"] = "600"
        return deployment

    monkeypatch.setattr(Deployment, "make", make_lax)
    thieves = 2 * len(Discipline)
    plan = Plan("lax", 1, bands=0, thieves=thieves, replay_seconds=1, kills=0, gap=(5, 5))
    outcome = await play(plan, tmp_path, await fresh_database(SQLITE, tmp_path))
    wrong = {found.wrong for found in outcome.violations}
    assert {TheftViolation.NOT_REFUSED, TheftViolation.NO_ALARM, ViolationKind.LATE} <= wrong
    missed = {
        found.detail for found in outcome.violations if found.wrong is TheftViolation.NO_ALARM
    }
    assert any(Discipline.PATIENT in detail for detail in missed), missed
    assert not any(Discipline.SECOND_LATE in detail for detail in missed), missed
    assert outcome.thefts[Discipline.SECOND_LATE] > 0


def test_what_did_not_happen_is_not_proven() -> None:
    def untried(plan: Plan, *thefts: Discipline) -> list[str]:
        outcome = Outcome(plan)
        outcome.thefts.update(thefts)
        assert outcome.good is not bool(outcome.untried)
        return outcome.untried

    assert untried(Plan("no thieves", 1)) == []
    assert untried(Plan("thieves", 1, thieves=6), *Discipline) == []
    assert untried(Plan("thieves", 1, thieves=6), Discipline.FIRST) == sorted(
        set(Discipline) - {Discipline.FIRST}
    )
    assert untried(Plan("tenants", 1, tenants=True)) == sorted(Awaited)
    assert any("NOT TRIED" in line for line in Outcome(Plan("x", 1, tenants=True)).lines())
    queue = Outcome(Plan("queue", 1, full_queue=True))
    for report, full in ((None, False), (QueueReport(), False), (QueueReport(Span(0, 1)), True)):
        queue.queue = report
        assert queue.untried == ([] if full else ["a full NOTIFY queue"])
        assert queue.good is full
