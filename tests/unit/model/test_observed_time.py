"""The latest time since a head exists, by a clock that is put forward and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model.lifetimes import CLOCK_STEP_SECONDS
from satmint.model.observed_time import ObservedClock, ObservedTime

STEPS = st.sampled_from([-5000, -700, -200, -11, -10, -1, 0, 1, 10, 200, 700, 5000])
NOW = 1_700_000_000


@given(st.lists(STEPS, max_size=8), st.lists(STEPS, max_size=12))
def test_no_time_counts_for_a_head_that_was_not_there_and_none_is_forgotten(
    before: list[int], after: list[int]
) -> None:
    clock, now = ObservedClock(), NOW
    clock.observe(now)
    for step in before:
        now += step
        clock.observe(now)
    began_at = shown = lowest = now
    for step in after:
        now += step
        shown, lowest = max(shown, now), min(lowest, now)
        found = clock.latest_since(began_at, now)
        assert now <= found <= shown
        if lowest > began_at:
            assert found >= shown - CLOCK_STEP_SECONDS


@pytest.mark.parametrize("back_to", [NOW + 500, NOW + 1, NOW - 5])
def test_window_that_was_over_stays_over(back_to: int) -> None:
    clock = ObservedClock()
    clock.observe(NOW + 700)
    assert clock.latest_since(NOW, back_to) == NOW + 700


def test_head_from_after_a_step_back_is_as_old_as_it_is() -> None:
    clock = ObservedClock()
    clock.observe(NOW + 700)
    assert clock.latest_since(NOW + 500, NOW + 500) == NOW + 500
    assert clock.latest_since(NOW + 500, NOW + 510) == NOW + 510


def observed(*times: int) -> ObservedTime:
    found = ObservedTime()
    for time in times:
        found = found.after(time)
    return found


def test_nothing_was_observed_at_first() -> None:
    assert ObservedTime() == ObservedTime(0, (), 0)
    assert observed(NOW) == ObservedTime(NOW, (), 0)


def test_time_that_is_not_later_changes_nothing_unless_it_is_a_step() -> None:
    first = observed(NOW)
    assert first.after(NOW) is first
    assert first.after(NOW - 1) is first
    assert first.after(NOW - CLOCK_STEP_SECONDS) is first
    back = NOW - CLOCK_STEP_SECONDS - 1
    assert first.after(back) == ObservedTime(back, ((back, NOW),), NOW)


def test_steps_are_kept_in_order_and_those_that_a_lower_one_covers_are_not() -> None:
    assert observed(NOW, NOW - 100).steps == ((NOW - 100, NOW),)
    twice = observed(NOW, NOW - 100, NOW - 50, NOW - 80)
    assert twice == ObservedTime(NOW - 80, ((NOW - 100, NOW), (NOW - 80, NOW - 50)), NOW - 50)
    assert twice.after(NOW - 80) is twice
    lower = twice.after(NOW - 81)
    assert lower == ObservedTime(NOW - 80, ((NOW - 100, NOW), (NOW - 81, NOW - 50)), NOW - 50)
    assert twice.after(NOW - 100).steps == ((NOW - 100, NOW), (NOW - 100, NOW - 50))
    assert twice.after(NOW - 101).steps == ((NOW - 101, NOW),)


@pytest.mark.parametrize(
    ("began_at", "now", "latest"),
    [
        (NOW - 101, NOW - 100, NOW),
        (NOW - 100, NOW - 100, NOW - 100),
        (NOW - 99, NOW - 100, NOW),
        (NOW - 100, NOW - 90, NOW - 90),
    ],
)
def test_time_before_a_step_counts_for_a_head_that_was_there(
    began_at: int, now: int, latest: int
) -> None:
    assert observed(NOW, NOW - 100).latest_since(began_at, now) == latest


@pytest.mark.parametrize(
    ("began_at", "latest"),
    [
        (NOW - CLOCK_STEP_SECONDS - 1, NOW),
        (NOW - CLOCK_STEP_SECONDS, NOW - 100),
    ],
)
def test_time_that_is_hardly_later_than_a_head_does_not_count(began_at: int, latest: int) -> None:
    stepped = ObservedTime(NOW - 100, ((NOW + 1, NOW),), NOW)
    assert stepped.latest_since(began_at, NOW - 100) == latest


@pytest.mark.parametrize(
    ("began_at", "counts"),
    [
        (NOW - 100, False),
        (NOW - 99, True),
        (NOW - 100 + CLOCK_STEP_SECONDS, True),
        (NOW - 100 + CLOCK_STEP_SECONDS + 1, False),
    ],
)
def test_time_before_the_last_step_counts_for_a_head_that_is_a_little_newer_than_now(
    began_at: int, counts: bool
) -> None:
    stepped = ObservedTime(NOW - 100, (), NOW)
    found = stepped.latest_since(began_at, NOW - 100)
    assert found == (NOW if counts else NOW - 100)
