"""The table of when to refresh, at every edge and for any numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint_sdk.credentials import Instant
from satmint_sdk.credentials.refresh._policy import (
    MAX_CHECK_INTERVAL,
    MIN_REFRESH_INTERVAL,
    Advice,
    Lifetime,
    advise,
    clock_jumped,
    measure,
    next_check,
    seconds_left,
    wake_delay,
)

START = Instant(mono=1_000.0, wall=1_800_000_000.0)

lives = st.floats(0.001, 30 * 86_400)
draws = st.floats(0, 1, exclude_max=True)
latencies = st.floats(0, 60)


def expiry(seconds: float) -> int:
    return int((START.wall + seconds) * 1000)


def after(seconds: float, wall_jump: float = 0.0) -> Instant:
    return Instant(START.mono + seconds, START.wall + seconds + wall_jump)


@pytest.mark.parametrize(
    ("life", "draw", "soft_at", "hard_at"),
    [
        (7200, 0.0, 5760, 7140),
        (7200, 0.999999, 5040, 7140),
        (900, 0.0, 720, 855),
        (900, 0.999999, 630, 855),
        (60, 0.0, 48, 57),
        (1, 0.0, 0.8, 0.95),
    ],
)
def test_the_points_of_common_lives(
    life: float, draw: float, soft_at: float, hard_at: float
) -> None:
    lifetime = measure(expiry(life), START, draw)
    assert lifetime.life - lifetime.soft == pytest.approx(soft_at, abs=0.01)
    assert lifetime.life - lifetime.hard == pytest.approx(hard_at, abs=0.01)


def test_the_table_row_by_row() -> None:
    lifetime = measure(expiry(900), START, 0.0)
    table = [
        (0, Advice.KEEP), (719.9, Advice.KEEP),
        (720.1, Advice.MAY), (854.9, Advice.MAY),
        (855.1, Advice.MUST), (899, Advice.MUST),
        (900, Advice.EXPIRED), (901, Advice.EXPIRED), (10_000, Advice.EXPIRED),
    ]  # fmt: skip
    assert [(age, advise(lifetime, after(age))) for age, _ in table] == table


HUNDRED = Lifetime(100, START.mono + 100, START.wall + 100, soft=20, hard=5)
"""Points that floating-point numbers express exactly."""


@pytest.mark.parametrize(
    ("age", "advice", "wait"),
    [
        (49.5, Advice.KEEP, 30), (50, Advice.KEEP, 30), (50.5, Advice.KEEP, 29.5),
        (79.5, Advice.KEEP, 0.5), (80, Advice.MAY, 15), (94.5, Advice.MAY, 0.5),
        (95, Advice.MUST, 5), (99.5, Advice.MUST, 0.5), (100, Advice.EXPIRED, 30),
        (130, Advice.EXPIRED, 30),
    ],
)  # fmt: skip
def test_each_point_belongs_to_the_row_that_it_begins(
    age: float, advice: Advice, wait: float
) -> None:
    assert (advise(HUNDRED, after(age)), next_check(HUNDRED, after(age))) == (advice, wait)


def test_a_check_is_never_at_once() -> None:
    assert next_check(HUNDRED, Instant(START.mono + 100 - 1e-6, START.wall)) == 0.001


def test_an_unknown_end_is_kept() -> None:
    assert advise(None, START) is Advice.KEEP
    assert next_check(None, START) == MAX_CHECK_INTERVAL


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_whichever_clock_ends_earlier_counts(jump: float) -> None:
    lifetime = measure(expiry(7200), START, 0.0)
    assert seconds_left(lifetime, after(100, wall_jump=jump)) == pytest.approx(7100 - max(jump, 0))


def test_sleep_is_seen_by_the_wall_clock_alone() -> None:
    lifetime = measure(expiry(7200), START, 0.0)
    asleep = Instant(START.mono + 10, START.wall + 10 + 3 * 3600)
    assert advise(lifetime, asleep) is Advice.EXPIRED


def test_a_slow_server_moves_the_hard_point_forward_and_not_beyond_a_third() -> None:
    assert measure(expiry(900), START, 0.0, longest_duration=25).hard == 50
    assert measure(expiry(7200), START, 0.0, longest_duration=300).hard == 60
    assert measure(expiry(9), START, 0.0, longest_duration=10).hard == pytest.approx(3)


@given(lives, draws, latencies)
def test_margins_are_shares_of_the_life(life: float, draw: float, longest_duration: float) -> None:
    lifetime = measure(expiry(life), START, draw, longest_duration)
    assert lifetime.life / 5 - 1e-6 <= lifetime.soft <= lifetime.life * 0.3 + 1e-6
    assert 0 <= lifetime.hard <= min(60, lifetime.life / 3) + 1e-6


@given(lives, draws, st.floats(-1, 40 * 86_400))
def test_advice_only_gets_more_urgent(life: float, draw: float, age: float) -> None:
    lifetime = measure(expiry(life), START, draw)
    order = list(Advice)
    now, later = advise(lifetime, after(age)), advise(lifetime, after(age + 1))
    assert order.index(now) <= order.index(later)


@given(lives, draws, st.floats(0, 40 * 86_400))
def test_a_look_is_never_late_and_never_a_hot_loop(life: float, draw: float, age: float) -> None:
    lifetime = measure(expiry(life), START, draw)
    now = after(age)
    wait = next_check(lifetime, now)
    assert 0.001 <= wait <= MAX_CHECK_INTERVAL
    # Up to the next look (less its own grain), nothing new would have been said.
    assert advise(lifetime, after(age + max(0.0, wait - 0.01))) is advise(lifetime, now)


@given(st.integers(0, 2**53), st.floats(0, 2**40), st.floats(0, 2**33), draws)
def test_any_numbers_give_advice(expiry_at: int, mono: float, wall: float, draw: float) -> None:
    lifetime = measure(expiry_at, Instant(mono, wall), draw)
    assert advise(lifetime, Instant(mono, wall)) in Advice
    assert next_check(lifetime, Instant(mono, wall)) > 0


@pytest.mark.parametrize(
    ("mono", "wall", "slept"),
    [(30, 30, False), (34, 34, False), (35, 35, False), (35.5, 30, True), (30, 35.5, True),
     (30, 10_800, True), (10_800, 10_800, True),
     (30, -3600, False)],
)  # fmt: skip
def test_sleep_and_jumps_are_noticed(mono: float, wall: float, slept: bool) -> None:
    then = Instant(START.mono + mono, START.wall + wall)
    assert clock_jumped(30.0, START, then) is slept


def test_a_fleet_that_wakes_together_is_spread_over_five_seconds() -> None:
    assert wake_delay(0.0) == 0
    assert wake_delay(0.999) == pytest.approx(5, abs=0.01)
    assert MIN_REFRESH_INTERVAL == 0.5
