"""Could it all have happened one after the other? A history is judged, and so is the database.

For each session the checker looks for moments at which things happened: one moment for each
generation to become the head, and one for the session to end. Every answer must make sense at some
moment between its request and itself:

- an answer with generation g is given while g is the head, to who showed g − 1;
- a refusal is given after the end, and the end has a cause: a revocation, or a spent token;
- an answer with generation g is given for `replay_seconds` after it became the head, and for ten
  seconds once it was seen in use;
- an acknowledged revocation has the end before its answer, so nothing is granted afterwards;
- a verifier that keeps answers refuses what has ended from a second after that answer on.

Each moment is put as early as it can be. Later would only leave less room for those after it, so if
that does not work out, nothing does, and the answers contradict each other. What was never
answered may have happened or not. Then the database has to tell the same story.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from satmint.model.events import EventKind
from tests.soak.history import FOREVER, Answer, Deed, Ledger, Operation
from tests.soak.rules import SECOND, Rules
from tests.soak.spans import Span

_EVIDENCE_SECONDS: Final = 2
"""After so long, all processes know that a SAT was used, if nothing disturbs them."""

_ENDS: Final = (
    EventKind.SESSION_REVOKED,
    EventKind.SUBSCRIBER_REVOKED,
    EventKind.REUSE_DETECTED,
)


class ViolationKind(StrEnum):
    """What can be wrong with a history."""

    ODD_ANSWER = "an answer that the contract does not have"
    BROKEN_LINE = "a generation that does not follow the one that was shown"
    FORKED = "two answers for one generation that say different things"
    TWO_HEADS = "a generation was handed out after the next one had been"
    UNASKED = "a generation that nobody can have asked for"
    AFTER_THE_END = "something was granted after the end had been acknowledged"
    BELIEVED = "a verifier believed a token a second after its end had been acknowledged"
    LATE = "a replay after its time"
    LOCKED_OUT = "a refusal without a cause"
    LOST = "the database does not know what was acknowledged"
    INVENTED = "the database knows of what nobody asked for"
    TRAIL = "the audit trail tells another story"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that cannot be."""

    wrong: StrEnum
    session: UUID | None
    """None where it is not about one."""
    detail: str

    def __str__(self) -> str:
        return f"{self.session}: {self.wrong}: {self.detail}"


def check(
    history: Mapping[UUID, Sequence[Operation]],
    ledgers: Mapping[UUID, Ledger],
    rules: Rules | None = None,
) -> list[Violation]:
    """Everything that is wrong with what callers were told, and with what the database says.

    Args:
        history: The operations of each session, in any order.
        ledgers: What the database says, once nothing is under way any more.
        rules: The server's settings, and what was done to it; None: the defaults, and nothing.
    """
    rules = rules or Rules()
    return [
        Violation(wrong, session, detail)
        for session, operations in history.items()
        for wrong, detail in _Trial(operations, ledgers.get(session), rules).faults()
    ]


Finding = tuple[ViolationKind, str]


class _Cause(NamedTuple):
    """Something that may have ended the session at any moment between two."""

    earliest: int
    latest: int


class _Trial:
    """One session, judged."""

    def __init__(
        self, operations: Sequence[Operation], ledger: Ledger | None, rules: Rules
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._operations = operations
        self._grants = [found for found in operations if found.told is not None]
        self._refreshes = [found for found in operations if found.deed is Deed.REFRESH]
        self._told: dict[int, list[Operation]] = defaultdict(list)
        for found in self._grants:
            if found.told is not None:
                self._told[found.told.generation].append(found)
        self._rotating: dict[int, list[Operation]] = defaultdict(list)
        for found in self._refreshes:
            if found.asked is not None and found.answer in (Answer.GRANTED, Answer.UNKNOWN):
                self._rotating[found.asked].append(found)
        self._used: dict[int, list[Operation]] = defaultdict(list)
        for found in operations:
            if found.deed is Deed.USE and found.asked is not None:
                self._used[found.asked].append(found)
        self._known = max(self._told, default=0)

    def faults(self) -> Iterator[Finding]:
        """What is wrong, most telling first."""
        yield from self._odd()
        yield from self._broken()
        yield from self._forked()
        yield from self._late()
        moments = self._moments()
        heads = moments[: self._known + 1]
        if len(heads) <= self._known:
            yield self._why_not(heads)
            return  # whatever else there is to say follows from that
        causes = list(self._causes(moments))
        yield from self._ended_for_a_reason(heads[-1], causes)
        if self._ledger is None:
            yield ViolationKind.LOST, "there is no such session"
        else:
            yield from self._booked(self._ledger, len(moments) - 1, causes)
            yield from self._told_by_the_trail(self._ledger)

    def _odd(self) -> Iterator[Finding]:
        for found in self._operations:
            if found.answer is Answer.ODD:
                yield ViolationKind.ODD_ANSWER, f"{found.deed}: {found.remark}"

    def _broken(self) -> Iterator[Finding]:
        for found in self._grants:
            expected = 0 if found.asked is None else found.asked + 1
            if found.told is not None and found.told.generation != expected:
                yield (
                    ViolationKind.BROKEN_LINE,
                    f"showed {found.asked}, got {found.told.generation}",
                )

    def _forked(self) -> Iterator[Finding]:
        for generation, answers in sorted(self._told.items()):
            likenesses = {found.told and found.told.likeness for found in answers}
            if len(likenesses) > 1:
                yield ViolationKind.FORKED, f"generation {generation} in {len(likenesses)} forms"

    def _late(self) -> Iterator[Finding]:
        """Grants that were asked for when their generation had been the head for too long."""
        for generation, answers in sorted(self._told.items()):
            rotated = Span(
                min((found.began for found in self._rotating[generation - 1]), default=0),
                min(found.ended for found in answers),
            )
            for found in answers:
                shown = Span(found.began, found.ended)
                seconds = (found.began - rotated.latest) // SECOND
                if self._rules.is_over(self._rules.window(seen=False), rotated, shown):
                    yield ViolationKind.LATE, f"generation {generation}, {seconds} s later"
                elif self._rules.is_over(
                    self._rules.window(seen=True), rotated, shown
                ) and self._was_seen(generation, found.began):
                    yield (
                        ViolationKind.LATE,
                        f"generation {generation}, {seconds} s later, and it was in use",
                    )

    def _was_seen(self, generation: int, by: int) -> bool:
        """Whether the server must know that a generation was in use."""
        return any(
            found.answer is Answer.GRANTED
            and found.ended + _EVIDENCE_SECONDS * SECOND < by
            and not self._rules.disturbed(Span(found.began, by))
            for found in self._used[generation]
        )

    def _may_be_seen(self, generation: int, by: int) -> bool:
        return any(
            found.answer is not Answer.REFUSED and found.began <= by
            for found in self._used[generation]
        )

    def _moments(self) -> list[int]:
        """The earliest moment at which each generation can have become the head.

        As far as they can be told without contradiction, and as far as anybody asked.
        """
        at = min(found.began for found in self._operations)
        moments = [at]
        while True:
            generation = len(moments)
            floor = 1 + max([at, *(found.began for found in self._told[generation - 1])])
            rotating = self._rotating[generation - 1]
            at = min(
                (max(found.began, floor) for found in rotating if found.ended >= floor),
                default=FOREVER,
            )
            if at > min((found.ended for found in self._told[generation]), default=FOREVER - 1):
                return moments
            moments.append(at)

    def _why_not(self, heads: Sequence[int]) -> Finding:
        generation = len(heads)
        if not self._rotating[generation - 1]:
            return ViolationKind.UNASKED, f"generation {generation}"
        return ViolationKind.TWO_HEADS, f"generation {generation - 1}, after {generation} had been"

    def _causes(self, moments: Sequence[int]) -> Iterator[_Cause]:
        """Everything that may have ended the session, given when each generation came."""
        for found in self._operations:
            if found.deed is Deed.REVOKE and found.answer in (Answer.GRANTED, Answer.UNKNOWN):
                yield _Cause(found.began, found.ended)
        for found in self._refreshes:
            if found.asked is None or found.answer not in (Answer.REFUSED, Answer.UNKNOWN):
                continue
            spent = [self._window_over(found, moments)]
            if found.asked + 2 < len(moments):
                spent.append(max(found.began, moments[found.asked + 2]))
            earliest = min(spent)
            if earliest <= found.ended and earliest < FOREVER:
                yield _Cause(earliest, found.ended)

    def _window_over(self, found: Operation, moments: Sequence[int]) -> int:
        """The earliest moment at which the token that was shown may be past its replay window."""
        assert found.asked is not None
        head = found.asked + 1
        if head >= len(moments):
            return FOREVER
        told = min((known.ended for known in self._told[head]), default=found.ended)
        window = self._rules.window(seen=self._may_be_seen(head, found.ended))
        rotated = Span(moments[head], max(moments[head], min(told, found.ended)))
        over = self._rules.may_be_over(window, rotated, Span(found.began, found.ended))
        return FOREVER if over is None else over

    def _ended_for_a_reason(self, last: int, causes: Iterable[_Cause]) -> Iterator[Finding]:
        ends = [
            found
            for found in self._operations
            if found.answer is Answer.REFUSED
            or (found.deed is Deed.REVOKE and found.answer is Answer.GRANTED)
        ]
        if not ends:
            return
        over = min(ends, key=lambda found: found.ended)
        yield from self._believed(over.ended)
        good = [
            found
            for found in self._operations
            # A verifier may believe a token for a while after its end.
            if found.deed not in (Deed.REVOKE, Deed.VERIFY) and found.answer is Answer.GRANTED
        ]
        late = [found for found in good if found.began > over.ended]
        if late:
            what = ", ".join(sorted({str(found.deed) for found in late}))
            yield ViolationKind.AFTER_THE_END, f"{what}, after a «{over.deed}» was {over.answer}"
            return
        floor = 1 + max([last, *(found.began for found in good)])
        at = min(
            (max(cause.earliest, floor) for cause in causes if cause.latest >= floor),
            default=FOREVER,
        )
        if at > over.ended:
            shown = "" if over.asked is None else f" of generation {over.asked}"
            yield (
                ViolationKind.LOCKED_OUT,
                f"{over.deed}{shown}, with generation {self._known} at the head",
            )

    def _believed(self, ended: int) -> Iterator[Finding]:
        """What verifiers believed for too long."""
        for found in self._operations:
            if (
                found.deed is Deed.VERIFY
                and found.answer is Answer.GRANTED
                and not self._rules.may_be_believed(found.remark, ended, found.began)
            ):
                seconds = (found.began - ended) / SECOND
                yield ViolationKind.BELIEVED, f"{found.remark}, {seconds:.2f} s later"

    def _booked(self, ledger: Ledger, possible: int, causes: Sequence[_Cause]) -> Iterator[Finding]:
        if ledger.head < self._known:
            yield ViolationKind.LOST, f"generation {self._known}: the head is {ledger.head}"
        if ledger.head > possible:
            yield (
                ViolationKind.INVENTED,
                f"generation {ledger.head}: {possible} can have been asked for",
            )
        if ledger.revoked and not causes:
            yield ViolationKind.INVENTED, "a revocation"
        revoked = [
            found
            for found in self._operations
            if found.deed is Deed.REVOKE and found.answer is Answer.GRANTED
        ]
        if revoked and not ledger.revoked:
            yield ViolationKind.LOST, "a revocation"
        refused = any(found.answer is Answer.REFUSED for found in self._operations)
        if refused and not ledger.revoked:
            yield ViolationKind.LOST, "the end of which a refusal told"

    def _told_by_the_trail(self, ledger: Ledger) -> Iterator[Finding]:
        by_kind: dict[str, Counter[int | None]] = {}
        for (kind, generation), count in ledger.trail.items():
            by_kind.setdefault(kind, Counter())[generation] += count
        issued = by_kind.get(EventKind.ISSUED, Counter()).total()
        if issued != 1:
            yield ViolationKind.TRAIL, f"it was issued {issued} times"
        refreshed = by_kind.get(EventKind.REFRESHED, Counter())
        if refreshed != Counter(range(1, ledger.head + 1)):
            yield ViolationKind.TRAIL, f"refreshed to {sorted(refreshed.elements(), key=str)[-5:]}"
        yield from self._replays(by_kind.get(EventKind.REPLAYED, Counter()), ledger)
        if by_kind.get(EventKind.REUSE_DETECTED, Counter()).total() > 1:
            yield ViolationKind.TRAIL, "one theft was found twice"
        ends = sum(by_kind.get(kind, Counter()).total() for kind in _ENDS)
        if ledger.revoked and not ends:
            yield ViolationKind.TRAIL, "nothing tells why it was revoked"
        if by_kind.get(EventKind.REUSE_DETECTED) and not ledger.revoked:
            yield ViolationKind.TRAIL, "a theft that revoked nothing"

    def _replays(self, replayed: Counter[int | None], ledger: Ledger) -> Iterator[Finding]:
        """Whoever was told of a generation either made it, or was a replay.

        The replays of a generation are one event. Those of the head are counted in its row too.
        """
        head = ledger.head
        told = Counter(found.told.generation for found in self._grants if found.told)
        unknown = Counter(
            found.asked + 1
            for found in self._refreshes
            if found.asked is not None and found.answer is Answer.UNKNOWN
        )
        for generation in range(1, head + 1):
            recorded = replayed[generation - 1]
            fewest = told[generation] - 1
            most = fewest + unknown[generation]
            heard = f"{told[generation]} answers of generation {generation} were heard"
            if not (fewest > 0) <= recorded <= (most > 0):
                yield ViolationKind.TRAIL, f"{heard}, and the trail has {recorded} replays"
            if generation == head and not (
                fewest <= ledger.replays <= most and recorded == (ledger.replays > 0)
            ):
                yield ViolationKind.TRAIL, f"{heard}, and {ledger.replays} replays were counted"
        if beyond := [shown for shown in replayed if shown is None or not 0 <= shown < head]:
            yield ViolationKind.TRAIL, f"replays of {beyond}"
