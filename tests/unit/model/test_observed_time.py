"""The latest time since a head exists, by a clock that is put forward and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.model.lifetimes import CLOCK_STEP_SECONDS
from satmint.model.observed_time import ObservedClock

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
