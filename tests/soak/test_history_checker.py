"""The checker sees each kind of wrong history, and passes none that is right."""

import random
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.soak.history import FOREVER, Answer, Deed, Ledger, Operation, Told
from tests.soak.history_checker import ViolationKind, check
from tests.soak.rules import ClockStep, Rules
from tests.soak.spans import Span, Stalls

SESSION = UUID("33333333-0000-4000-8000-000000000000")
SECOND = 1_000_000_000
Trail = dict[tuple[str, int | None], int]


def sign_in(began: int = 0, ended: int = 1) -> Operation:
    return Operation(Deed.SIGN_IN, SESSION, began, ended, Answer.GRANTED, None, pair(0))


def pair(generation: int, form: str = "good") -> Told:
    return Told(generation, (form,))


def refresh(asked: int, began: int, ended: int, *, told: Told | None = None) -> Operation:
    answer = told or pair(asked + 1)
    return Operation(Deed.REFRESH, SESSION, began, ended, Answer.GRANTED, asked, answer)


def refused(asked: int, began: int, ended: int, deed: Deed = Deed.REFRESH) -> Operation:
    return Operation(deed, SESSION, began, ended, Answer.REFUSED, asked)


def lost(asked: int, began: int) -> Operation:
    return Operation(Deed.REFRESH, SESSION, began, FOREVER, Answer.UNKNOWN, asked)


def use(asked: int, began: int, ended: int) -> Operation:
    return Operation(Deed.USE, SESSION, began, ended, Answer.GRANTED, asked)


def revoke(began: int, ended: int, answer: Answer = Answer.GRANTED) -> Operation:
    return Operation(Deed.REVOKE, SESSION, began, ended, answer)


def verify(began: int, answer: Answer = Answer.GRANTED, by: str = "verifier 0") -> Operation:
    return Operation(Deed.VERIFY, SESSION, began, began + 1, answer, 0, remark=by)


def trail(head: int, **more: int) -> Trail:
    refreshed: Trail = {("refreshed", generation): 1 for generation in range(1, head + 1)}
    return {("issued", None): 1, **refreshed, **{(kind, None): n for kind, n in more.items()}}


def ledger(head: int, *, revoked: str = "", replays: Iterable[int] = ()) -> Ledger:
    told = trail(head, **({revoked: 1} if revoked else {}))
    shown = list(replays)
    told.update({("replayed", generation): 1 for generation in shown})
    return Ledger(head, bool(revoked), told, shown.count(head - 1))


def wrongs(operations: Iterable[Operation], book: Ledger | None) -> list[StrEnum]:
    books = {} if book is None else {SESSION: book}
    return [found.wrong for found in check({SESSION: list(operations)}, books)]


RIGHT = {
    "one after the other": ([sign_in(), refresh(0, 2, 3), refresh(1, 4, 5)], ledger(2)),
    "two at once": ([sign_in(), refresh(0, 2, 5), refresh(0, 3, 4)], ledger(1, replays=[0])),
    "asked again after a lost answer": (
        [sign_in(), lost(0, 2), refresh(0, 9, 10)],
        ledger(1, replays=[0]),
    ),
    "the lost one never arrived": ([sign_in(), lost(0, 2), refresh(0, 9, 10)], ledger(1)),
    "the lost one made a generation": ([sign_in(), lost(0, 2)], ledger(1)),
    "a chain of lost ones": ([sign_in(), refresh(0, 2, 3), lost(1, 4)], ledger(2)),
    "a replay that came in late and was answered last": (
        [sign_in(), refresh(0, 2, 20), refresh(0, 3, 4), refresh(1, 5, 6)],
        ledger(2, replays=[0]),
    ),
    "many replays, of which the trail has the first": (
        [
            sign_in(),
            *(refresh(0, at, at + 9) for at in range(2, 9)),
            lost(0, 10),
            refresh(0, 12, 13),
        ],
        ledger(1, replays=[0] * 8),
    ),
    "a replay in its last second": (
        [sign_in(), refresh(0, 2, 3), refresh(0, 600 * SECOND, 601 * SECOND)],
        ledger(1, replays=[0]),
    ),
    "revoked": (
        [sign_in(), refresh(0, 2, 3), revoke(4, 6), refused(1, 7, 8), refused(1, 7, 8, Deed.USE)],
        ledger(1, revoked="session_revoked"),
    ),
    "granted while it was being revoked": (
        [sign_in(), revoke(2, 9), refresh(0, 3, 4), use(0, 5, 6), refused(1, 7, 8)],
        ledger(1, revoked="session_revoked"),
    ),
    "revoked by a request whose answer was lost": (
        [sign_in(), revoke(2, FOREVER, Answer.UNKNOWN), refresh(0, 3, 4), refused(1, 7, 8)],
        ledger(1, revoked="subscriber_revoked"),
    ),
    "a spent token": (
        [sign_in(), refresh(0, 2, 3), refresh(1, 4, 5), refused(0, 6, 7), refused(2, 8, 9)],
        ledger(2, revoked="reuse_detected"),
    ),
    "a spent token after an answer was lost": (
        [sign_in(), refresh(0, 2, 3), lost(1, 4), refused(0, 6, 7)],
        ledger(2, revoked="reuse_detected"),
    ),
    "a replay of a head that was in use just now": (
        [
            sign_in(),
            refresh(0, 2, 3),
            use(1, 11 * SECOND, 11 * SECOND + 1),
            refresh(0, 12 * SECOND, 13 * SECOND),
        ],
        ledger(1, replays=[0]),
    ),
    "a parent that came back after the window, and nothing was in use": (
        [sign_in(), refresh(0, 2, 3), refused(0, 600 * SECOND, 601 * SECOND)],
        ledger(1, revoked="reuse_detected"),
    ),
    "a parent that came back after its time": (
        [sign_in(), refresh(0, 2, 3), use(1, 4, 5), refused(0, 11 * SECOND, 12 * SECOND)],
        ledger(1, revoked="reuse_detected"),
    ),
    "believed by a verifier within a second of the end": (
        [
            sign_in(),
            verify(1),
            revoke(2, 3),
            verify(SECOND),
            verify(SECOND + 9, Answer.REFUSED),
            Operation(Deed.VERIFY, SESSION, 2 * SECOND, FOREVER, Answer.UNKNOWN, 0),
        ],
        ledger(0, revoked="session_revoked"),
    ),
    "refused by a verifier before the end was acknowledged": (
        [sign_in(), verify(1), revoke(2, 9), verify(4, Answer.REFUSED), verify(7)],
        ledger(0, revoked="session_revoked"),
    ),
}


@pytest.mark.parametrize("case", RIGHT)
def test_a_history_that_can_be_is_passed(case: str) -> None:
    operations, book = RIGHT[case]
    assert wrongs(operations, book) == []
    assert wrongs(reversed(operations), book) == []


WRONG = {
    "a failure of the server": (
        [sign_in(), Operation(Deed.USE, SESSION, 2, 3, Answer.ODD, 0, remark="500")],
        ledger(0),
        ViolationKind.ODD_ANSWER,
    ),
    "a generation left out": (
        [sign_in(), refresh(0, 2, 3, told=pair(2))],
        ledger(2),
        ViolationKind.BROKEN_LINE,
    ),
    "a generation twice": (
        [sign_in(), refresh(0, 2, 3), refresh(1, 4, 5, told=pair(1))],
        ledger(1),
        ViolationKind.BROKEN_LINE,
    ),
    "two winners of one race": (
        [sign_in(), refresh(0, 2, 5), refresh(0, 3, 4, told=pair(1, "another"))],
        ledger(1, replays=[0]),
        ViolationKind.FORKED,
    ),
    "a spent token that is honoured": (
        [sign_in(), refresh(0, 2, 3), refresh(1, 4, 5), refresh(0, 6, 7)],
        ledger(2, replays=[0]),
        ViolationKind.TWO_HEADS,
    ),
    "an old head to one who began before, after the new one was known": (
        [sign_in(), refresh(0, 2, 3), refresh(1, 4, 5), refresh(2, 6, 7), refresh(1, 8, 9)],
        ledger(3, replays=[1]),
        ViolationKind.TWO_HEADS,
    ),
    "a generation before anybody asked": (
        [sign_in(), refresh(0, 9, 10), refresh(1, 2, 3)],
        ledger(2),
        ViolationKind.TWO_HEADS,
    ),
    "a generation that nobody asked for": (
        [sign_in(), refresh(2, 4, 5)],
        ledger(3),
        ViolationKind.UNASKED,
    ),
    "refreshed after it was revoked": (
        [sign_in(), revoke(2, 3), refresh(0, 4, 5)],
        ledger(1, revoked="session_revoked"),
        ViolationKind.AFTER_THE_END,
    ),
    "used after it was revoked": (
        [sign_in(), revoke(2, 3), use(0, 4, 5)],
        ledger(0, revoked="session_revoked"),
        ViolationKind.AFTER_THE_END,
    ),
    "believed by a verifier a second after the end": (
        [sign_in(), verify(1), revoke(2, 3), verify(SECOND + 4)],
        ledger(0, revoked="session_revoked"),
        ViolationKind.BELIEVED,
    ),
    "believed by a verifier a second after another one refused": (
        [sign_in(), revoke(2, FOREVER, Answer.UNKNOWN), verify(3, Answer.REFUSED), verify(2**31)],
        ledger(0, revoked="session_revoked"),
        ViolationKind.BELIEVED,
    ),
    "refused by a verifier without a cause": (
        [sign_in(), verify(2, Answer.REFUSED)],
        ledger(0),
        ViolationKind.LOCKED_OUT,
    ),
    "alive again after a spent token": (
        [sign_in(), refresh(0, 2, 3), refresh(1, 4, 5), refused(0, 6, 7), refresh(2, 8, 9)],
        ledger(3, revoked="reuse_detected"),
        ViolationKind.AFTER_THE_END,
    ),
    "a good token refused": (
        [sign_in(), refresh(0, 2, 3), refused(1, 4, 5)],
        ledger(1),
        ViolationKind.LOCKED_OUT,
    ),
    "a good SAT refused": (
        [sign_in(), refused(0, 4, 5, Deed.USE)],
        ledger(0),
        ViolationKind.LOCKED_OUT,
    ),
    "a parent refused at once": (
        [sign_in(), refresh(0, 2, 3), refused(0, 4, 5)],
        ledger(1, revoked="reuse_detected"),
        ViolationKind.LOCKED_OUT,
    ),
    "refused before the revocation began": (
        [sign_in(), refused(0, 2, 3), revoke(4, 5)],
        ledger(0, revoked="session_revoked"),
        ViolationKind.LOCKED_OUT,
    ),
    "an acknowledged rotation is gone": (
        [sign_in(), refresh(0, 2, 3), refresh(1, 4, 5)],
        ledger(1),
        ViolationKind.LOST,
    ),
    "an acknowledged session is gone": ([sign_in()], None, ViolationKind.LOST),
    "an acknowledged revocation is gone": (
        [sign_in(), revoke(2, 3)],
        ledger(0),
        ViolationKind.LOST,
    ),
    "a head that nobody made": ([sign_in(), refresh(0, 2, 3)], ledger(2), ViolationKind.INVENTED),
    "a revocation that nobody asked for": (
        [sign_in(), refresh(0, 2, 3)],
        ledger(1, revoked="session_revoked"),
        ViolationKind.INVENTED,
    ),
    "a refresh that the trail has twice": (
        [sign_in(), refresh(0, 2, 3)],
        Ledger(1, False, {**trail(1), ("refreshed", 1): 2}),
        ViolationKind.TRAIL,
    ),
    "a refresh that the trail has not": (
        [sign_in(), refresh(0, 2, 3)],
        Ledger(1, False, trail(0)),
        ViolationKind.TRAIL,
    ),
    "a replay that the trail has not": (
        [sign_in(), refresh(0, 2, 5), refresh(0, 3, 4)],
        ledger(1),
        ViolationKind.TRAIL,
    ),
    "a replay that the trail has too much": (
        [sign_in(), refresh(0, 2, 5)],
        ledger(1, replays=[0]),
        ViolationKind.TRAIL,
    ),
    "a replay that the trail has twice": (
        [sign_in(), *(refresh(0, at, at + 1) for at in (2, 4, 6))],
        Ledger(1, False, {**trail(1), ("replayed", 0): 2}, replays=2),
        ViolationKind.TRAIL,
    ),
    "a replay that was not counted": (
        [sign_in(), *(refresh(0, at, at + 1) for at in (2, 4, 6))],
        ledger(1, replays=[0]),
        ViolationKind.TRAIL,
    ),
    "a replay that was counted twice": (
        [sign_in(), refresh(0, 2, 3), refresh(0, 4, 5)],
        ledger(1, replays=[0, 0]),
        ViolationKind.TRAIL,
    ),
    "a replay of a head that was in use for long": (
        [sign_in(), refresh(0, 2, 3), use(1, 4, 5), refresh(0, 12 * SECOND, 13 * SECOND)],
        ledger(1, replays=[0]),
        ViolationKind.LATE,
    ),
    "a parent refused within its window, and its child was not in use": (
        [sign_in(), refresh(0, 2, 3), refused(0, 599 * SECOND, 600 * SECOND)],
        ledger(1, revoked="reuse_detected"),
        ViolationKind.LOCKED_OUT,
    ),
    "a parent refused before its child was in use": (
        [
            sign_in(),
            refresh(0, 2, 3),
            refused(0, 20 * SECOND, 21 * SECOND),
            Operation(Deed.USE, SESSION, 22 * SECOND, FOREVER, Answer.UNKNOWN, 1),
        ],
        ledger(1, revoked="reuse_detected"),
        ViolationKind.LOCKED_OUT,
    ),
    "an end that is not in the database": (
        [sign_in(), refresh(0, 2, 3), refresh(1, 4, 5), refused(0, 6, 7)],
        ledger(2),
        ViolationKind.LOST,
    ),
    "a replay after its time": (
        [sign_in(), refresh(0, 2, 3), refresh(0, 602 * SECOND, 603 * SECOND)],
        ledger(1, replays=[0]),
        ViolationKind.LATE,
    ),
    "a replay of what was never spent": (
        [sign_in(), refresh(0, 2, 5)],
        ledger(1, replays=[1]),
        ViolationKind.TRAIL,
    ),
    "issued twice": ([sign_in()], Ledger(0, False, {("issued", None): 2}), ViolationKind.TRAIL),
    "a theft found twice": (
        [sign_in(), refresh(0, 2, 3), refresh(1, 4, 5), refused(0, 6, 7)],
        Ledger(2, True, trail(2, reuse_detected=2)),
        ViolationKind.TRAIL,
    ),
    "a theft that revoked nothing": (
        [sign_in(), refresh(0, 2, 3), refresh(1, 4, 5), refused(0, 6, 7)],
        Ledger(2, False, trail(2, reuse_detected=1)),
        ViolationKind.TRAIL,
    ),
    "revoked, and nothing tells why": (
        [sign_in(), revoke(2, 3)],
        Ledger(0, True, trail(0)),
        ViolationKind.TRAIL,
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_history_that_cannot_be_is_found(case: str) -> None:
    operations, book, wrong = WRONG[case]
    assert wrong in wrongs(operations, book)
    assert wrong in wrongs(reversed(operations), book)


def test_a_kill_may_have_it_forgotten_that_a_head_was_in_use() -> None:
    history = {
        SESSION: [sign_in(), refresh(0, 2, 3), use(1, 4, 5), refresh(0, 12 * SECOND, 13 * SECOND)]
    }
    books = {SESSION: ledger(1, replays=[0])}
    (found,) = check(history, books)
    assert found.detail == "generation 1, 11 s later, and it was in use"
    for during in (Span(6, 7), Span(4, 20 * SECOND)):
        assert check(history, books, Rules(disturbances=[during])) == []
        assert check(history, books, Rules(held=[during])) == []
    for during in (Span(2, 3), Span(13 * SECOND, 14 * SECOND)):
        assert len(check(history, books, Rules(disturbances=[during]))) == 1


def test_windows_are_those_of_the_server_that_ran() -> None:
    def wrongs_of(rules: Rules, *operations: Operation, head: Ledger) -> list[StrEnum]:
        history = {SESSION: [sign_in(), refresh(0, 2, 3), *operations]}
        return [found.wrong for found in check(history, {SESSION: head}, rules)]

    replayed = refresh(0, 17 * SECOND, 18 * SECOND)
    book = ledger(1, replays=[0])
    assert wrongs_of(Rules(15), replayed, head=book) == [ViolationKind.LATE]
    assert wrongs_of(Rules(17), replayed, head=book) == []
    book = ledger(1, revoked="reuse_detected")
    said_no = refused(0, 14 * SECOND, 15 * SECOND + SECOND // 2)
    assert wrongs_of(Rules(15), said_no, head=book) == []
    assert ViolationKind.LOCKED_OUT in wrongs_of(Rules(16), said_no, head=book)
    # Unless its clock was set.
    step = ClockStep(Span(4, 5), 3600)
    assert wrongs_of(Rules(16, steps=[step]), said_no, head=book) == []


def test_each_kind_of_wrong_is_seen_by_some_case() -> None:
    assert {wrong for _, _, wrong in WRONG.values()} == set(ViolationKind)


def test_one_bad_session_is_told_from_a_good_one() -> None:
    other = UUID("44444444-0000-4000-8000-000000000000")
    good = [sign_in(), refresh(0, 2, 3)]
    bad = [replace(found, session=other) for found in [sign_in(), revoke(2, 3), use(0, 4, 5)]]
    books = {SESSION: ledger(1), other: ledger(0, revoked="session_revoked")}
    (found,) = check({SESSION: good, other: bad}, books)
    assert str(found) == (
        f"{other}: something was granted after the end had been acknowledged:"
        " use, after a «revoke» was granted"
    )


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Operation], Ledger]:
    """A session as a server would really have it: things happen at moments, and are told about."""
    operations, told = [sign_in()], trail(0)
    head, replays, at = 0, 0, 2
    for _ in range(draw(st.integers(0, 12))):
        at += draw(st.integers(3, 30))
        shown = head - draw(st.integers(0, 1 if head else 0))
        known = draw(st.booleans())
        began, ended = at - draw(st.integers(0, 60)), at + draw(st.integers(0, 60))
        # Nobody shows what nobody was given; a token is known a moment after it was made.
        began = max(began, 2)
        if shown == head:
            head, replays = head + 1, 0
            told["refreshed", head] = 1
        else:
            replays += 1
            told["replayed", shown] = 1
        operations.append(refresh(shown, began, ended) if known else lost(shown, began))
    if draw(st.booleans()):
        at += draw(st.integers(3, 30))
        operations.append(revoke(at - draw(st.integers(0, 50)), at + draw(st.integers(0, 50))))
        operations.append(refused(head, at, at + draw(st.integers(1, 50))))
        told["session_revoked", None] = 1
    return operations, Ledger(head, ("session_revoked", None) in told, told, replays)


@given(lives(), st.randoms(use_true_random=False))
def test_whatever_a_right_server_does_is_passed(
    life: tuple[list[Operation], Ledger], dice: random.Random
) -> None:
    operations, book = life
    dice.shuffle(operations)
    assert check({SESSION: operations}, {SESSION: book}) == []


def believed(seconds: float, rules: Rules) -> bool:
    """Whether a verifier may believe a token so many seconds after its end."""
    shown = verify(3 + int(seconds * SECOND))
    history = {SESSION: [sign_in(), verify(1), revoke(2, 3), shown]}
    books = {SESSION: ledger(0, revoked="session_revoked")}
    found = check(history, books, rules)
    assert {one.wrong for one in found} <= {ViolationKind.BELIEVED}
    return not found


def test_a_verifier_whose_feed_is_silent_may_believe_for_ten_seconds_more() -> None:
    silent = Rules(silences={"verifier 0": [Span(0, 5 * SECOND)]})
    assert [believed(seconds, silent) for seconds in (0.9, 1.1, 10.9, 11.1)] == [
        *(True, True, True),
        False,
    ]
    assert believed(10.9, Rules(pauses=[Span(SECOND, 2 * SECOND)]))
    assert not believed(1.1, Rules(silences={"another": [Span(0, 5 * SECOND)]}))
    assert not believed(1.1, Rules(pauses=[Span(5 * SECOND, 6 * SECOND)]))
    assert not believed(1.1, Rules(disturbances=[Span(0, 5 * SECOND)]))  # a kill cuts feeds
    stalled = Rules(stalls=Stalls([Span(SECOND // 2, SECOND)]))
    assert [believed(seconds, stalled) for seconds in (1.4, 1.6)] == [True, False]
