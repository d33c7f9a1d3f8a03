"""A storm: thousands of live sessions whose server restarts, and refreshes beside it.

.venv/bin/python -m benchmarks --part storm
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, sleep
from typing import Final

import msgspec

from benchmarks.database import NoPostgres
from benchmarks.deployment import Restarting, deployment
from benchmarks.gauges import usages_of, used_since
from benchmarks.logins import write_logins
from benchmarks.meter import Result, quantile
from benchmarks.paced import Pace, Refreshed
from benchmarks.processes import Conversation
from benchmarks.returning import Back, Held, Stay
from benchmarks.rounds import Say
from benchmarks.running import WrongAnswer

SESSIONS: Final = 5_000
_QUICK_SESSIONS: Final = 500
_AT_A_TIME: Final = 32
_CHAINS: Final = 16
_PER_SECOND: Final = 200.0
_CALM_SECONDS: Final = 9.0
"""Every session is pinged once in so long."""
_WARM_UP_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 60.0


class StormFigures(msgspec.Struct, frozen=True):
    """What was measured on one store."""

    store: str
    sessions: int
    down_seconds: float
    """From the order to restart to the server's first answer."""
    half_seconds: float
    """From that order until half of them were online again."""
    back_seconds: float
    """The same of the last one."""
    told_to_wait: int
    """Upgrades that were answered with a time to wait."""
    refused: int
    """Upgrades that were refused although the browser had waited for so long."""
    refreshes: int
    """From the order until the last one was online again."""
    refresh_p99_ms: float
    """Of those."""
    refresh_worst_ms: float
    calm_p99_ms: float
    """Before the order, with all sessions online."""
    calm_per_second: float
    """Refreshes then."""
    calm_cores: float
    """CPU of the server per second then."""
    calm_database_cores: float
    """The same of the database's own server."""
    calm_resident_mb: float
    """Memory of the server's processes then."""


def _measure(place: Path, store: str, sessions: int) -> StormFigures:
    with ExitStack() as stack:
        deployed = stack.enter_context(deployment(place, store))
        server = Restarting(deployed, stack)
        running = server.running
        logins = place / "logins.json"
        write_logins(running, sessions, logins)
        browsers = stack.enter_context(Conversation("benchmarks.returning", place))
        browsers.tell(
            Stay(
                running.port,
                str(logins),
                0,
                _AT_A_TIME,
                storm=True,
                processes=dict(running.processes),
                batches_metric=None,
            )
        )
        browsers.hear(Held, _PATIENCE_SECONDS)
        browsers.tell({})
        browsers.hear(Result, _PATIENCE_SECONDS)
        refreshes = stack.enter_context(Conversation("benchmarks.paced", place))
        routes = running.routes
        refreshes.tell(
            Pace(
                running.port,
                running.authorization,
                routes["issue"],
                routes["refresh"],
                _CHAINS,
                _PER_SECOND,
            )
        )
        refreshes.hear(dict[str, str], _PATIENCE_SECONDS)
        sleep(_WARM_UP_SECONDS)
        calm_from, before = perf_counter(), usages_of(running.processes)
        sleep(_CALM_SECONDS)
        usage = used_since(before, running.processes)
        began = perf_counter()
        server.restart()
        up = perf_counter()
        back = browsers.hear(Back, _PATIENCE_SECONDS)
        refreshes.tell({})
        refreshed = refreshes.hear(Refreshed, _PATIENCE_SECONDS)
    calm = [took for at, took in refreshed.answers if calm_from <= at < began]
    stormy = [
        # While the server is down, nobody is answered: what counts begins with its first answer.
        at + took - up if at < up < at + took else took
        for at, took in refreshed.answers
        if began <= at <= back.at[-1]
    ]
    if not (calm and stormy):
        raise WrongAnswer(f"storm, {store}: no refresh was answered")
    return StormFigures(
        store=store,
        sessions=sessions,
        down_seconds=up - began,
        half_seconds=quantile(back.at, 0.5) - began,
        back_seconds=back.at[-1] - began,
        told_to_wait=back.told_to_wait,
        refused=back.refused,
        refreshes=len(stormy),
        refresh_p99_ms=_p99_ms(stormy),
        refresh_worst_ms=max(stormy) * 1000,
        calm_p99_ms=_p99_ms(calm),
        calm_per_second=len(calm) / (began - calm_from),
        calm_cores=usage["server"].cpu / (began - calm_from),
        calm_database_cores=(
            usage["database"].cpu / (began - calm_from) if "database" in usage else 0.0
        ),
        calm_resident_mb=usage["server"].resident / 1e6,
    )


def _p99_ms(seconds: Sequence[float]) -> float:
    return quantile(sorted(seconds), 0.99) * 1000


def measure_storm(
    place: Path,
    stores: Sequence[str],
    say: Say,
    leave_out: Callable[[str], None],
    *,
    quick: bool,
) -> list[StormFigures]:
    """Measure on some stores, one after the other.

    Args:
        place: A folder for what they keep.
        stores: As `deployment` names them.
        say: Shows what is under way.
        leave_out: Is told, in a line each, what cannot be measured here.
        quick: Whether few sessions are enough.

    Raises:
        WrongAnswer: a browser was not let in, or not all came back.
    """
    sessions = _QUICK_SESSIONS if quick else SESSIONS
    found = []
    for store in stores:
        own = place / f"storm-{store}"
        own.mkdir()
        with say(f"A storm of {sessions:,} sessions: {store}"):
            try:
                found.append(_measure(own, store, sessions))
            except NoPostgres as missing:
                leave_out(f"storm, {store}: {missing}")
    return found
