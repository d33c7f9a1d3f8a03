"""Was everything in time? What a bystander waited for, held to bounds.

While something is disturbed (killed, stopped, cut off, full), nothing has to be prompt; when that
is over, it has to come within what the contract says of a recovery. Time in which the machine was
too busy to run even the soak does not count.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final, NamedTuple
from uuid import UUID

from satmint.model.webhooks import LEASE_SECONDS
from tests.soak.history import FOREVER
from tests.soak.history_checker import Violation
from tests.soak.rules import SECOND, Rules
from tests.soak.spans import Span, Spans


class Awaited(StrEnum):
    """What somebody waits for."""

    ANSWER = "the answer to a request"
    LIVE_END = "the end of a live session whose revocation was acknowledged"
    ALERT = "the alert of a revocation that was acknowledged"


class Bound(NamedTuple):
    """How long it may take, in seconds."""

    calm: float
    """While nothing is disturbed."""
    recovery: float
    """After the last disturbance."""


BOUNDS: Final[Mapping[Awaited, Bound]] = {
    Awaited.ANSWER: Bound(3.0, 10.0),
    Awaited.LIVE_END: Bound(2.0, 10.0),
    Awaited.ALERT: Bound(5.0, LEASE_SECONDS + 10.0),
}
"""A revocation reaches live sessions within a second, and an alert is sent within two; the rest is
what processes may wait for a CPU that a whole crowd uses. A request that waits for a row that
others hold takes four seconds."""


class PromptnessViolation(StrEnum):
    """What can be wrong."""

    LATE = "it came late"
    NEVER = "it never came"


@dataclass(frozen=True, slots=True)
class Reaction:
    """Something that was waited for."""

    awaited: Awaited
    session: UUID | None
    began: int
    """Nanoseconds, when the wait began."""
    ended: int
    """Nanoseconds; `FOREVER` where it did not come."""
    what: str = ""
    """More about it."""


def check_reactions(
    reactions: Iterable[Reaction],
    rules: Rules,
    now: int,
    bounds: Mapping[Awaited, Bound] = BOUNDS,
) -> list[Violation]:
    """Everything that came too late, or not at all.

    Args:
        reactions: What was waited for.
        rules: With the disturbances.
        now: Until when what never came was waited for, nanoseconds.
        bounds: How long each may take.
    """
    return list(_violations(reactions, rules, now, bounds))


def _violations(
    reactions: Iterable[Reaction], rules: Rules, now: int, bounds: Mapping[Awaited, Bound]
) -> Iterator[Violation]:
    disturbances = Spans(rules.disturbances)
    for found in reactions:
        bound = bounds[found.awaited]
        ended = min(found.ended, now)
        due = _due(rules, Span(found.began, ended), bound.calm)
        # What was over before this is recovered from, even if all of that time was a stall.
        past = found.began - int(bound.recovery * SECOND) - rules.stalls.total
        # A disturbance that begins while another one is being recovered from gives more time.
        for disturbance in disturbances.since(past):
            if disturbance.earliest > due:
                break
            over = _due(rules, Span(disturbance.latest, ended), bound.recovery)
            if over >= found.began:
                due = max(due, over)
        if ended > due:
            never = found.ended == FOREVER
            wrong = PromptnessViolation.NEVER if never else PromptnessViolation.LATE
            took = (ended - found.began) / SECOND
            what = f"{found.awaited}, {found.what}" if found.what else str(found.awaited)
            yield Violation(wrong, found.session, f"{what}, {took:.1f} s")


def _due(rules: Rules, during: Span, seconds: float) -> int:
    """So many seconds after the beginning, and what the machine was too busy for."""
    return during.earliest + int(seconds * SECOND) + rules.stalls.within(during)


def summary(reactions: Sequence[Reaction], rules: Rules) -> list[str]:
    """For people: how long things took, by what was done meanwhile."""
    took: dict[tuple[Awaited, str], list[float]] = defaultdict(list)
    disturbances, noticed = Spans(rules.disturbances), Spans((*rules.disturbances, *rules.held))
    for found in reactions:
        if found.ended < FOREVER:
            during = Span(found.began, found.ended)
            when = "in calm"
            if noticed.overlap(during):
                when = "disturbed" if disturbances.overlap(during) else "beside held rows"
            took[found.awaited, when].append((found.ended - found.began) / SECOND)
    return [
        f"{awaited}, {when}: {len(times)}, median {median(times):.3f} s, worst {max(times):.3f} s"
        for (awaited, when), times in sorted(took.items())
    ]
