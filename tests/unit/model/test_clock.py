"""The machine's clock and dice, which everything but this takes as arguments."""

import time

import pytest

from satmint.model.clock import StepDetector, SystemClock
from satmint.model.entropy import SystemEntropy
from tests.kit.clock import NOW, FrozenClock


def test_system_clock_tells_whole_seconds_rounded_down() -> None:
    before = time.time()  # noqa: TID251 - what it is compared with
    now = SystemClock().now()
    assert int(before) <= now <= time.time()  # noqa: TID251 - what it is compared with
    assert isinstance(now, int)


def test_system_clock_measures_time_that_is_never_set() -> None:
    before = time.monotonic()
    assert before <= SystemClock().monotonic() <= time.monotonic()
    assert not StepDetector(SystemClock()).has_stepped()


@pytest.mark.parametrize(
    ("step", "noticed"),
    [(-3600, True), (-2, True), (-1, False), (0, False), (1, False), (2, True), (3600, True)],
)
def test_a_step_is_noticed_once_and_time_that_passes_is_none(step: int, noticed: bool) -> None:
    clock = FrozenClock()
    detector = StepDetector(clock)
    clock.advance(100)
    assert not detector.has_stepped()
    clock.step(step)
    clock.advance(7)
    assert [detector.has_stepped(), detector.has_stepped()] == [noticed, False]


def test_system_entropy_gives_as_many_bytes_as_asked_for_and_never_the_same() -> None:
    entropy = SystemEntropy()
    assert [len(entropy.take(count)) for count in (0, 12, 32)] == [0, 12, 32]
    assert entropy.take(32) != entropy.take(32)


def test_frozen_clock_moves_only_when_told_to() -> None:
    clock = FrozenClock()
    assert (clock.now(), clock.now()) == (NOW, NOW)
    clock.advance(10)
    assert clock.now() == NOW + 10
