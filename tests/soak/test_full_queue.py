"""A revocation or a detection of reuse that fails while the NOTIFY queue is full is noticed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from uuid import UUID

import pytest

from tests.kit.postgres import DURABLE
from tests.soak import __main__ as soak
from tests.soak.full_queue import (
    GOOD,
    SMALL_QUEUE,
    Attempt,
    Ending,
    QueueReport,
    QueueViolation,
    check_full_queue,
)
from tests.soak.history import FOREVER
from tests.soak.promptness import BOUNDS, Awaited, PromptnessViolation, Reaction
from tests.soak.rules import SECOND, Rules
from tests.soak.spans import Span
from tests.soak.trial import Outcome
from tests.soak.troubles import Plan

SESSION = UUID(int=1)
NOW = 300 * SECOND
FULL = Span(100 * SECOND, 120 * SECOND)
CALM = BOUNDS[Awaited.LIVE_END].calm
FAILED, NONE = QueueViolation.FAILED, QueueViolation.NONE
LATE, NEVER = PromptnessViolation.LATE, PromptnessViolation.NEVER


def attempt(ending: Ending, status: int, seconds: float = 0.1) -> Attempt:
    during = Span(110 * SECOND, int((110 + seconds) * SECOND))
    return Attempt(ending, SESSION, during, status)


def live_end(seconds: float | None) -> Reaction:
    ended = FOREVER if seconds is None else int((110 + seconds) * SECOND)
    return Reaction(Awaited.LIVE_END, SESSION, 110 * SECOND, ended)


REPORT = QueueReport(
    full=FULL,
    attempts=[attempt(ending, status) for ending, status in GOOD.items()],
    reactions=[live_end(0.4)],
)


def more(*attempts: Attempt) -> QueueReport:
    return replace(REPORT, attempts=[*REPORT.attempts, *attempts])


CASES: dict[str, tuple[QueueReport, Sequence[StrEnum]]] = {
    "all as the contract says": (REPORT, []),
    "a revocation that fails": (more(attempt(Ending.REVOCATION, 500)), [FAILED]),
    "a detection of reuse that fails": (more(attempt(Ending.REUSE, 500)), [FAILED]),
    "a spent token that is good": (more(attempt(Ending.REUSE, 201)), [FAILED]),
    "unavailable at once": (more(attempt(Ending.REVOCATION, 503)), [FAILED]),
    "an answer that is lost at once": (more(attempt(Ending.REUSE, 0)), [FAILED]),
    "unavailable after a wait, on a busy machine": (
        more(attempt(Ending.REVOCATION, 503, 5.0)),
        [],
    ),
    "only revocations": (replace(REPORT, attempts=[attempt(Ending.REVOCATION, 204)]), [NONE]),
    "only detections": (replace(REPORT, attempts=[attempt(Ending.REUSE, 422)]), [NONE]),
    "nothing at all": (
        QueueReport(full=FULL),
        [NONE, NONE, QueueViolation.NO_LIVE_END],
    ),
    "no live session": (replace(REPORT, reactions=[]), [QueueViolation.NO_LIVE_END]),
    "a live session that ends late": (replace(REPORT, reactions=[live_end(CALM + 0.1)]), [LATE]),
    "a live session that goes on": (replace(REPORT, reactions=[live_end(None)]), [NEVER]),
}


@pytest.mark.parametrize("case", CASES)
def test_what_ends_while_the_queue_is_full_is_judged(case: str) -> None:
    report, expected = CASES[case]
    found = [str(violation.wrong) for violation in check_full_queue(report, Rules(), NOW)]
    assert Counter(found) == Counter(str(wrong) for wrong in expected)


def test_a_kill_shortly_before_excuses_503_and_nothing_else() -> None:
    def found(status: int, killed: float) -> list[str]:
        rules = Rules(disturbances=[Span(90 * SECOND, int(killed * SECOND))])
        report = more(attempt(Ending.REVOCATION, status))
        return [str(violation.wrong) for violation in check_full_queue(report, rules, NOW)]

    assert found(503, 105) == []
    assert found(503, 99) == [FAILED]
    assert found(500, 105) == [FAILED]


def test_summary_says_what_was_seen() -> None:
    assert REPORT.summary == (
        "NOTIFY queue full for 20.0 s: a detection of reuse 422 1, a revocation 204 1;"
        f" {Awaited.LIVE_END}: 1, median 0.400 s, worst 0.400 s"
    )
    assert QueueReport().summary == "the NOTIFY queue was never full"


@pytest.mark.parametrize("missing", ["pgbouncer", "PostgreSQL 17"])
async def test_what_the_machine_cannot_try_is_named(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On an older PostgreSQL, the rest of the deployment is tried all the same."""
    number = next(
        number
        for number, kind in enumerate(soak.DEPLOYMENTS)
        if (kind.pooled if missing == "pgbouncer" else kind.full_queue)
    )
    tried: list[Plan] = []

    class Server:
        """Stands for PostgreSQL 16, which does not know the setting."""

        def __init__(self, configuration: str) -> None:
            assert configuration.startswith(DURABLE)
            if SMALL_QUEUE in configuration:
                raise AssertionError(
                    'unrecognized configuration parameter "max_notify_queue_pages"'
                )

        def new_database(self) -> str:
            return "postgresql:///none"

        def stop(self) -> None:
            pass

    async def play(plan: Plan, *_: object) -> Outcome:
        tried.append(plan)
        return Outcome(plan)

    monkeypatch.setattr(soak, "CHOSEN", (number,))
    monkeypatch.setattr(soak, "pgbouncer_program", lambda: None)
    monkeypatch.setattr(soak, "PostgresServer", Server)
    monkeypatch.setattr(soak, "play", play)
    run = soak.Soak()
    await run.run()
    (left_out,) = run.left_out
    assert missing in left_out
    assert f"LEFT OUT {left_out}" in capsys.readouterr().out
    assert [plan.full_queue for plan in tried] == ([] if missing == "pgbouncer" else [False])
