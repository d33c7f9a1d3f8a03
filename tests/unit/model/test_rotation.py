"""The rotation table, row by row, on both sides of every limit."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from satmint.model.events import Event, EventKind, Origin
from satmint.model.lifetimes import FOREVER
from satmint.model.rotation import (
    Cause,
    Head,
    RefreshTokenRef,
    Refused,
    Replayed,
    Reused,
    Rotated,
    RotationDecision,
    RotationResult,
    SessionState,
    apply_rotation,
    deadline_prevents_rotation,
    decide_rotation,
    rotation_event,
    rotation_result,
)

SINCE: Final = 1_700_000_000
HEAD: Final = Head(generation=7, since=SINCE, expires_at=SINCE + 7200)
DEAD_AT: Final = SINCE + 7500
STANDING: Final = SessionState(
    head=HEAD, seen=False, revoked=False, subscriber_epoch=3, deadline=FOREVER
)
PRESENTED: Final = RefreshTokenRef(project=UUID(int=1), session=UUID(int=2), generation=7, epoch=3)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table of spec 1.6; what is not named is as on an ordinary day."""

    name: str
    answer: RotationDecision | Refused
    behind: int = 0
    """Generations that the presented token is older than the head."""
    age: int = 60
    """Seconds since the rotation that made the head."""
    seen: bool = False
    seen_late: bool = False
    window: int = 600
    """`replay_seconds`."""
    dies: int = FOREVER
    """Unix seconds: the token's own `exp`."""
    revoked: bool = False
    epoch: int | None = 3
    deadline: int = FOREVER


def refused(cause: Cause) -> Refused:
    return Refused(cause)


WINDOW_OVER: Final = RotationDecision.REVOKE_WINDOW_OVER

TABLE: Final = (
    # = head, active: rotate, seen or not, from the first second to the last.
    Row("head", RotationDecision.ROTATE),
    Row("head-in-the-same-second", RotationDecision.ROTATE, age=0),
    Row("head-that-was-seen", RotationDecision.ROTATE, seen=True),
    Row("head-with-strict-one-time-use", RotationDecision.ROTATE, window=0),
    Row("head-in-its-last-second", RotationDecision.ROTATE, age=7499),
    Row("head-that-died-this-second", refused(Cause.EXPIRED), age=7500),
    Row("head-long-dead", refused(Cause.EXPIRED), age=7501),
    Row("head-that-expired-itself", refused(Cause.EXPIRED), dies=SINCE + 60),
    Row("head-after-a-step-back", RotationDecision.ROTATE, age=-3600),
    # = head - 1, head never seen in use, at most replay_seconds: the client lost the answer.
    Row("parent-at-once", RotationDecision.REPLAY, behind=1, age=0),
    Row("parent-after-eleven-seconds", RotationDecision.REPLAY, behind=1, age=11),
    Row("parent-in-the-last-second", RotationDecision.REPLAY, behind=1, age=600),
    Row("parent-in-a-longer-window", RotationDecision.REPLAY, behind=1, age=7499, window=7499),
    Row(
        "parent-of-a-head-that-expired-within-the-window",
        refused(Cause.EXPIRED),
        behind=1,
        age=7500,
        window=8000,
    ),
    # = head - 1, head never seen in use, later than that.
    Row("parent-after-the-window", WINDOW_OVER, behind=1, age=601),
    Row("parent-long-after-the-window", WINDOW_OVER, behind=1, age=7000),
    Row("parent-of-an-expired-head", WINDOW_OVER, behind=1, age=7500),
    Row("window-5-before", RotationDecision.REPLAY, behind=1, age=4, window=5),
    Row("window-5-on-it", RotationDecision.REPLAY, behind=1, age=5, window=5),
    Row("window-5-after", WINDOW_OVER, behind=1, age=6, window=5),
    Row("strict-at-once", WINDOW_OVER, behind=1, age=0, window=0),
    Row("strict-and-the-clock-went-back", WINDOW_OVER, behind=1, age=-1, window=0),
    # = head - 1, head seen: a concurrent caller for ten seconds, then a thief.
    Row("seen-parent-at-once", RotationDecision.REPLAY, behind=1, age=0, seen=True),
    Row("seen-parent-after-nine", RotationDecision.REPLAY, behind=1, age=9, seen=True),
    Row("seen-parent-after-ten", RotationDecision.REPLAY, behind=1, age=10, seen=True),
    Row("seen-parent-after-eleven", RotationDecision.REVOKE, behind=1, age=11, seen=True),
    Row("seen-parent-much-later", RotationDecision.REVOKE, behind=1, age=7499, seen=True),
    Row("seen-strict", RotationDecision.REVOKE, behind=1, age=0, window=0, seen=True),
    Row("seen-window-5-on-it", RotationDecision.REPLAY, behind=1, age=5, window=5, seen=True),
    Row("seen-window-5-after", RotationDecision.REVOKE, behind=1, age=6, window=5, seen=True),
    # The clock went back: a little hurts nobody, and no window opens again.
    Row("step-back-of-ten", RotationDecision.REPLAY, behind=1, age=-10),
    Row("step-back-of-eleven", WINDOW_OVER, behind=1, age=-11),
    Row("seen-step-back-of-ten", RotationDecision.REPLAY, behind=1, age=-10, seen=True),
    Row("seen-step-back-of-eleven", RotationDecision.REVOKE, behind=1, age=-11, seen=True),
    Row("seen-step-back-of-an-hour", RotationDecision.REVOKE, behind=1, age=-3600, seen=True),
    Row(
        "seen-late-and-the-clock-went-back",
        RotationDecision.REVOKE,
        behind=1,
        age=5,
        seen=True,
        seen_late=True,
    ),
    # <= head - 2: reuse, however soon, seen or not.
    Row("grandparent-at-once", RotationDecision.REVOKE, behind=2, age=0),
    Row("grandparent-later", RotationDecision.REVOKE, behind=2, age=60),
    Row("first-of-the-line", RotationDecision.REVOKE, behind=7),
    Row("grandparent-of-a-seen-head", RotationDecision.REVOKE, behind=2, age=0, seen=True),
    # < head, and expired: evidence all the same.
    Row("expired-parent", RotationDecision.REVOKE, behind=1, age=0, dies=SINCE),
    Row("expired-parent-of-a-seen-head", RotationDecision.REVOKE, behind=1, seen=True, dies=SINCE),
    Row("expired-parent-after-the-window", WINDOW_OVER, behind=1, age=601, dies=SINCE),
    Row("expired-grandparent", RotationDecision.REVOKE, behind=2, dies=SINCE),
    Row("expired-ancestor-of-an-expired-head", RotationDecision.REVOKE, behind=3, age=9000, dies=1),
    Row("expired-parent-of-a-revoked-head", refused(Cause.REVOKED), behind=1, dies=1, revoked=True),
    # Revoked, or its subscriber gone: any generation.
    Row("revoked-head", refused(Cause.REVOKED), revoked=True),
    Row("revoked-parent", refused(Cause.REVOKED), behind=1, age=0, revoked=True),
    Row("revoked-ancestor", refused(Cause.REVOKED), behind=3, revoked=True),
    Row("gone-head", refused(Cause.SUBSCRIBER_DELETED), epoch=None),
    Row("gone-parent", refused(Cause.SUBSCRIBER_DELETED), behind=1, epoch=None),
    Row("gone-and-revoked", refused(Cause.SUBSCRIBER_DELETED), epoch=None, revoked=True),
    Row("epoch-was-raised", refused(Cause.STALE_EPOCH), epoch=4),
    Row("epoch-was-raised-for-an-ancestor", refused(Cause.STALE_EPOCH), behind=2, epoch=4),
    Row("epoch-of-the-future", refused(Cause.STALE_EPOCH), epoch=2),
    # A database restored from a backup knows less than the tokens do: fail closed.
    Row("ahead-of-the-head", refused(Cause.AHEAD_OF_HEAD), behind=-1),
    Row("far-ahead-of-the-head", refused(Cause.AHEAD_OF_HEAD), behind=-100, seen=True),
    # The whole life of a session: a pair needs room for the refresh token's five minutes.
    Row("deadline-leaves-a-second", RotationDecision.ROTATE, age=60, deadline=SINCE + 361),
    Row("deadline-leaves-nothing", refused(Cause.DEADLINE), age=60, deadline=SINCE + 360),
    Row("deadline-does-not-stop-a-replay", RotationDecision.REPLAY, behind=1, deadline=SINCE + 360),
)


SKEWS: Final = (
    (0, 600, True),
    (0, 601, False),
    (-50, 550, True),
    (-50, 551, False),
    (3600, 3600, True),
    (3600, 4200, True),
    (3600, 4201, False),
    (3600, 3589, False),
)
"""Database's clock less node's at the rotation, and seconds after it by the database's clock."""


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_table(row: Row) -> None:
    state = replace(
        STANDING,
        seen=row.seen,
        seen_late=row.seen_late,
        revoked=row.revoked,
        subscriber_epoch=row.epoch,
        deadline=row.deadline,
    )
    generation = HEAD.generation - row.behind
    ref = replace(PRESENTED, generation=generation, expires_at=row.dies)
    assert decide_rotation(state, ref, SINCE + row.age, row.window) == row.answer


@pytest.mark.parametrize(("skew", "measured_at", "replayed"), SKEWS)
def test_windows_are_measured_by_one_clock_whatever_those_of_the_nodes_say(
    skew: int, measured_at: int, *, replayed: bool
) -> None:
    """The node that rotated, and the one that is presented the parent, may both be wrong."""
    state = replace(STANDING, skew=skew)
    ref = replace(PRESENTED, generation=HEAD.generation - 1)
    for now in (SINCE - 3600, SINCE, SINCE + 3600):
        decision = decide_rotation(state, ref, now, 600, SINCE + measured_at)
        assert decision is (RotationDecision.REPLAY if replayed else WINDOW_OVER)


@pytest.mark.parametrize(
    ("of_token", "of_session", "moves"),
    [
        (None, None, True),
        (None, "k", True),  # bound since the token was made
        ("k", "k", True),
        ("k", None, False),
        ("k", "o", False),
    ],
)
def test_a_token_that_names_a_key_which_its_session_has_not_fails_closed(
    of_token: str | None, of_session: str | None, moves: bool
) -> None:
    """It is newer than the backup that was restored."""
    head = replace(HEAD, jkt=of_session)
    ref = replace(PRESENTED, jkt=of_token)
    judged = decide_rotation(replace(STANDING, head=head), ref, SINCE, 600)
    assert judged == (RotationDecision.ROTATE if moves else Refused(Cause.AHEAD_OF_HEAD))


def test_unknown_session_is_refused() -> None:
    assert decide_rotation(None, PRESENTED, SINCE, 600) == Refused(Cause.UNKNOWN_SESSION)


def test_refresh_token_outlives_its_sat_by_five_minutes() -> None:
    assert HEAD.refresh_expires_at == HEAD.expires_at + 300 == DEAD_AT


@pytest.mark.parametrize(("now", "out"), [(SINCE - 301, False), (SINCE - 300, True), (SINCE, True)])
def test_session_is_out_of_time_five_minutes_before_its_deadline(now: int, out: bool) -> None:
    assert deadline_prevents_rotation(SINCE, now) is out


EVENT: Final = Event(b"", UUID(int=1), EventKind.REFRESHED, SINCE, Origin("", "", ""))
NEXT: Final = Head(generation=8, since=SINCE + 60, expires_at=SINCE + 7260)


@pytest.mark.parametrize(
    ("decision", "becomes", "result", "recorded"),
    [
        (
            RotationDecision.ROTATE,
            replace(STANDING, head=NEXT, skew=4),
            Rotated(NEXT),
            (EventKind.REFRESHED, 8, ""),
        ),
        (
            RotationDecision.REPLAY,
            replace(STANDING, seen=True, seen_late=True, replays=1),
            Replayed(HEAD),
            (EventKind.REPLAYED, 6, "head=7"),
        ),
        (
            RotationDecision.REVOKE,
            replace(STANDING, seen=True, seen_late=True, revoked=True),
            Reused(HEAD),
            (EventKind.REUSE_DETECTED, 6, "head=7"),
        ),
        (
            WINDOW_OVER,
            replace(STANDING, seen=True, seen_late=True, revoked=True),
            Reused(HEAD),
            (EventKind.REUSE_DETECTED, 6, "replay_window_over"),
        ),
    ],
)
def test_each_decision_has_its_state_result_and_event(
    decision: RotationDecision,
    becomes: SessionState,
    result: RotationResult,
    recorded: tuple[EventKind, int, str],
) -> None:
    before = replace(STANDING, seen=True, seen_late=True)
    state = apply_rotation(decision, before, SINCE + 7260, SINCE + 60, 4)
    assert state == becomes
    assert rotation_result(decision, state) == result
    ref = replace(PRESENTED, generation=6)
    event = rotation_event(decision, ref, state, EVENT)
    assert event is not None
    assert (event.kind, event.generation, event.cause) == recorded


def test_replays_of_a_generation_are_recorded_once_and_the_first_five_are_free() -> None:
    state, free, recorded = STANDING, [], []
    for _ in range(8):
        state = apply_rotation(RotationDecision.REPLAY, state, 0, SINCE)
        result = rotation_result(RotationDecision.REPLAY, state)
        assert isinstance(result, Replayed)
        free.append(result.is_free)
        recorded.append(
            rotation_event(RotationDecision.REPLAY, PRESENTED, state, EVENT) is not None
        )
    assert free == [True] * 5 + [False] * 3
    assert recorded == [True] + [False] * 7
    assert apply_rotation(RotationDecision.ROTATE, state, 0, SINCE).replays == 0


def test_a_deadline_cuts_the_pair_of_a_rotation() -> None:
    state = replace(STANDING, deadline=SINCE + 1000)
    rotated = apply_rotation(RotationDecision.ROTATE, state, SINCE + 7200, SINCE)
    assert rotated.skew == 0
    head = rotated.head
    assert head.refresh_expires_at == SINCE + 1000


def test_a_decision_that_nobody_knows_is_a_bug_and_no_result() -> None:
    unknown: RotationDecision = "forget"  # type: ignore[assignment]
    with pytest.raises(AssertionError):
        rotation_result(unknown, STANDING)
    with pytest.raises(AssertionError):
        apply_rotation(unknown, STANDING, 0, 0)


standings = st.builds(
    SessionState,
    head=st.just(HEAD),
    seen=st.booleans(),
    revoked=st.booleans(),
    subscriber_epoch=st.none() | st.integers(2, 4),
    deadline=st.integers(SINCE, SINCE + 20_000),
    seen_late=st.booleans(),
    replays=st.integers(0, 9),
)
tokens = st.builds(
    RefreshTokenRef,
    project=st.just(PRESENTED.project),
    session=st.just(PRESENTED.session),
    generation=st.integers(0, 10),
    epoch=st.integers(2, 4),
    expires_at=st.just(FOREVER) | st.integers(SINCE - 100, SINCE + 10_000),
)
times = st.integers(SINCE, SINCE + 10_000)
windows = st.integers(0, 8000)


@given(standings, tokens, times, windows)
def test_nothing_but_a_live_session_of_a_current_epoch_ever_moves(
    state: SessionState, ref: RefreshTokenRef, now: int, window: int
) -> None:
    decision = decide_rotation(state, ref, now, window)
    if isinstance(decision, RotationDecision):
        assert not state.revoked
        assert ref.epoch == state.subscriber_epoch
        assert ref.generation <= HEAD.generation
        assert decision.revokes or now < min(DEAD_AT, ref.expires_at)


@given(standings, tokens, times, windows)
def test_a_shorter_window_never_turns_anything_into_a_replay(
    state: SessionState, ref: RefreshTokenRef, now: int, window: int
) -> None:
    tighter = decide_rotation(state, ref, now, 0)
    assert tighter is not RotationDecision.REPLAY
    if decide_rotation(state, ref, now, window) is RotationDecision.ROTATE:
        assert tighter is RotationDecision.ROTATE


@given(standings, tokens, times, windows, st.integers(0, 5000))
def test_time_never_heals(
    state: SessionState, ref: RefreshTokenRef, now: int, window: int, later: int
) -> None:
    """What was taken for theft or refused is not answered with tokens a moment later."""
    before, after = (decide_rotation(state, ref, at, window) for at in (now, now + later))
    if before is not RotationDecision.ROTATE:
        assert after is not RotationDecision.ROTATE
    if before not in (RotationDecision.ROTATE, RotationDecision.REPLAY):
        assert after is not RotationDecision.REPLAY
