"""The rotation table, row by row, on both sides of every limit."""

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model.lifetimes import FOREVER
from satmint.model.rotation import (
    Cause,
    Head,
    Move,
    Presented,
    Refused,
    Replayed,
    Reused,
    Rotated,
    Standing,
    judge,
    out_of_time,
    verdict_of,
)

SINCE: Final = 1_700_000_000
HEAD: Final = Head(generation=7, since=SINCE, expires_at=SINCE + 7200)
DEAD_AT: Final = SINCE + 7500
STANDING: Final = Standing(
    head=HEAD, seen=False, revoked=False, subscriber_epoch=3, deadline=FOREVER
)
PRESENTED: Final = Presented(project=UUID(int=1), session=UUID(int=2), generation=7, epoch=3)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table of spec 1.6; what is not named is as on an ordinary day."""

    name: str
    answer: Move | Refused
    behind: int = 0
    """Generations that the presented token is older than the head."""
    age: int = 60
    """Seconds since the rotation that made the head."""
    seen: bool = False
    cap: int | None = None
    revoked: bool = False
    epoch: int | None = 3
    deadline: int = FOREVER


def refused(cause: Cause) -> Refused:
    return Refused(cause)


TABLE: Final = (
    # = head, active: rotate, seen or not, from the first second to the last.
    Row("head", Move.ROTATE),
    Row("head-in-the-same-second", Move.ROTATE, age=0),
    Row("head-that-was-seen", Move.ROTATE, seen=True),
    Row("head-with-strict-one-time-use", Move.ROTATE, cap=0),
    Row("head-in-its-last-second", Move.ROTATE, age=7499),
    Row("head-that-died-this-second", refused(Cause.EXPIRED), age=7500),
    Row("head-long-dead", refused(Cause.EXPIRED), age=7501),
    # = head - 1, head never seen in use: the client lost the answer.
    Row("parent-at-once", Move.REPLAY, behind=1, age=0),
    Row("parent-after-ten-seconds", Move.REPLAY, behind=1, age=10),
    Row("parent-after-eleven-seconds", Move.REPLAY, behind=1, age=11),
    Row("parent-in-the-head's-last-second", Move.REPLAY, behind=1, age=7499),
    Row("parent-of-a-head-that-died-this-second", refused(Cause.EXPIRED), behind=1, age=7500),
    Row("parent-while-the-clock-was-put-back", Move.REPLAY, behind=1, age=-5, seen=True),
    Row("head-while-the-clock-was-put-back", Move.ROTATE, age=-5),
    # = head - 1, head seen: a concurrent caller for ten seconds, then a thief.
    Row("parent-of-a-seen-head-at-once", Move.REPLAY, behind=1, age=0, seen=True),
    Row("parent-of-a-seen-head-after-nine-seconds", Move.REPLAY, behind=1, age=9, seen=True),
    Row("parent-of-a-seen-head-after-ten-seconds", Move.REPLAY, behind=1, age=10, seen=True),
    Row("parent-of-a-seen-head-after-eleven-seconds", Move.REVOKE, behind=1, age=11, seen=True),
    Row("parent-of-a-seen-head-much-later", Move.REVOKE, behind=1, age=7499, seen=True),
    # <= head - 2: reuse, however soon, seen or not.
    Row("grandparent-at-once", Move.REVOKE, behind=2, age=0),
    Row("grandparent-later", Move.REVOKE, behind=2, age=60),
    Row("first-of-the-line", Move.REVOKE, behind=7),
    Row("grandparent-of-a-seen-head", Move.REVOKE, behind=2, age=0, seen=True),
    # The cap on replays, in seconds; 0 is strict one-time use.
    Row("cap-0-at-once", Move.REVOKE, behind=1, age=0, cap=0),
    Row("cap-0-of-a-seen-head-at-once", Move.REVOKE, behind=1, age=0, cap=0, seen=True),
    Row("cap-5-before", Move.REPLAY, behind=1, age=4, cap=5),
    Row("cap-5-on-it", Move.REPLAY, behind=1, age=5, cap=5),
    Row("cap-5-after", Move.REVOKE, behind=1, age=6, cap=5),
    Row("cap-5-of-a-seen-head-on-it", Move.REPLAY, behind=1, age=5, cap=5, seen=True),
    Row("cap-5-of-a-seen-head-after", Move.REVOKE, behind=1, age=6, cap=5, seen=True),
    Row("cap-60-on-it", Move.REPLAY, behind=1, age=60, cap=60),
    Row("cap-60-after", Move.REVOKE, behind=1, age=61, cap=60),
    Row("cap-60-never-lengthens-the-race", Move.REVOKE, behind=1, age=11, cap=60, seen=True),
    # Revoked, or its subscriber gone: any generation.
    Row("revoked-head", refused(Cause.REVOKED), revoked=True),
    Row("revoked-parent", refused(Cause.REVOKED), behind=1, age=0, revoked=True),
    Row("revoked-ancestor", refused(Cause.REVOKED), behind=3, revoked=True),
    Row("gone-head", refused(Cause.SUBSCRIBER_GONE), epoch=None),
    Row("gone-parent", refused(Cause.SUBSCRIBER_GONE), behind=1, epoch=None),
    Row("gone-and-revoked", refused(Cause.SUBSCRIBER_GONE), epoch=None, revoked=True),
    Row("epoch-was-raised", refused(Cause.STALE_EPOCH), epoch=4),
    Row("epoch-was-raised-for-an-ancestor", refused(Cause.STALE_EPOCH), behind=2, epoch=4),
    Row("epoch-of-the-future", refused(Cause.STALE_EPOCH), epoch=2),
    # A database restored from a backup knows less than the tokens do: fail closed.
    Row("ahead-of-the-head", refused(Cause.AHEAD_OF_HEAD), behind=-1),
    Row("far-ahead-of-the-head", refused(Cause.AHEAD_OF_HEAD), behind=-100, seen=True),
    # The whole life of a session: a pair needs room for the refresh token's five minutes.
    Row("deadline-leaves-a-second", Move.ROTATE, age=60, deadline=SINCE + 361),
    Row("deadline-leaves-nothing", refused(Cause.DEADLINE), age=60, deadline=SINCE + 360),
    Row("deadline-does-not-stop-a-replay", Move.REPLAY, behind=1, deadline=SINCE + 360),
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_table(row: Row) -> None:
    standing = replace(
        STANDING,
        seen=row.seen,
        revoked=row.revoked,
        subscriber_epoch=row.epoch,
        deadline=row.deadline,
    )
    presented = msgspec.structs.replace(PRESENTED, generation=HEAD.generation - row.behind)
    assert judge(standing, presented, SINCE + row.age, row.cap) == row.answer


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
    head = msgspec.structs.replace(HEAD, jkt=of_session)
    presented = msgspec.structs.replace(PRESENTED, jkt=of_token)
    judged = judge(replace(STANDING, head=head), presented, SINCE, None)
    assert judged == (Move.ROTATE if moves else Refused(Cause.AHEAD_OF_HEAD))


def test_unknown_session_is_refused() -> None:
    assert judge(None, PRESENTED, SINCE, None) == Refused(Cause.UNKNOWN_SESSION)


def test_refresh_token_outlives_its_sat_by_five_minutes() -> None:
    assert HEAD.refresh_expires_at == HEAD.expires_at + 300 == DEAD_AT


@pytest.mark.parametrize(("now", "out"), [(SINCE - 301, False), (SINCE - 300, True), (SINCE, True)])
def test_session_is_out_of_time_five_minutes_before_its_deadline(now: int, out: bool) -> None:
    assert out_of_time(SINCE, now) is out


def test_each_move_has_its_verdict() -> None:
    assert verdict_of(Move.ROTATE, HEAD) == Rotated(HEAD)
    assert verdict_of(Move.REPLAY, HEAD) == Replayed(HEAD)
    assert verdict_of(Move.REVOKE, HEAD) == Reused(HEAD)


def test_a_move_that_nobody_knows_is_a_bug_and_no_verdict() -> None:
    unknown: Move = "forget"  # type: ignore[assignment]
    with pytest.raises(AssertionError):
        verdict_of(unknown, HEAD)


standings = st.builds(
    Standing,
    head=st.just(HEAD),
    seen=st.booleans(),
    revoked=st.booleans(),
    subscriber_epoch=st.none() | st.integers(2, 4),
    deadline=st.integers(SINCE, SINCE + 20_000),
)
tokens = st.builds(
    Presented,
    project=st.just(PRESENTED.project),
    session=st.just(PRESENTED.session),
    generation=st.integers(0, 10),
    epoch=st.integers(2, 4),
)
times = st.integers(SINCE, SINCE + 10_000)
caps = st.none() | st.integers(0, 8000)


@given(standings, tokens, times, caps)
def test_nothing_but_a_live_session_of_a_current_epoch_ever_moves(
    standing: Standing, presented: Presented, now: int, cap: int | None
) -> None:
    if isinstance(judge(standing, presented, now, cap), Move):
        assert not standing.revoked
        assert presented.epoch == standing.subscriber_epoch
        assert presented.generation <= HEAD.generation
        assert now < DEAD_AT


@given(standings, tokens, times, caps)
def test_a_tighter_cap_never_turns_anything_into_a_replay(
    standing: Standing, presented: Presented, now: int, cap: int | None
) -> None:
    tighter = judge(standing, presented, now, 0)
    assert tighter is not Move.REPLAY
    if judge(standing, presented, now, cap) is not Move.REPLAY:
        assert tighter == judge(standing, presented, now, cap)


@given(standings, tokens, times, caps, st.integers(0, 5000))
def test_time_never_heals(
    standing: Standing, presented: Presented, now: int, cap: int | None, later: int
) -> None:
    """What was taken for theft or refused is not answered with tokens a moment later."""
    before, after = (judge(standing, presented, at, cap) for at in (now, now + later))
    if before is not Move.ROTATE:
        assert after is not Move.ROTATE
    if before not in (Move.ROTATE, Move.REPLAY):
        assert after is not Move.REPLAY
