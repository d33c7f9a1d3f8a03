"""The machine's clock and dice, which everything but this takes as arguments."""

import time

import pytest

from satmint.model.clock import StepDetector, SystemClock
from satmint.model.entropy import SystemEntropy
from satmint.model.shared_clock import SharedClock
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


class Elapsed:
    """Seconds since some moment."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_shared_clock_goes_on_from_the_databases_time_whatever_the_machines_clock_does() -> None:
    machine, elapsed = FrozenClock(), Elapsed()
    clock = SharedClock(machine, elapsed)
    assert clock.now() == NOW
    assert clock.follow(NOW + 100.2, 0.1) == pytest.approx(0.5 - 100.25)
    assert clock.now() == NOW + 100
    machine.advance(-3600)
    elapsed.seconds += 2
    assert clock.now() == NOW + 102
    assert clock.follow(NOW + 102.2, 0.1) == pytest.approx(0.5 - 3702.25)


def test_shared_clock_goes_back_by_more_than_a_second_and_by_no_less() -> None:
    elapsed = Elapsed()
    clock = SharedClock(FrozenClock(), elapsed)
    clock.follow(NOW, 0)
    assert clock.now() == NOW
    clock.follow(NOW - 1, 0)
    assert clock.now() == NOW
    clock.follow(NOW - 2, 0)
    assert clock.now() == NOW - 2


def test_shared_clock_takes_what_took_a_quarter_of_a_second_and_is_no_small_correction() -> None:
    elapsed = Elapsed()
    clock = SharedClock(FrozenClock(), elapsed)
    clock.follow(NOW + 0.97, 0)
    clock.follow(NOW + 1.0, 0)  # 0.03 s: no correction
    assert clock.now() == NOW
    clock.follow(NOW + 0.97 + 0.0625, 0)
    assert clock.now() == NOW + 1
    clock.follow(NOW + 50, 0.25)
    assert clock.now() == NOW + 50
    clock.follow(NOW + 90, 0.2501)
    assert clock.now() == NOW + 50


def test_shared_clock_has_the_monotonic_time_of_the_machine() -> None:
    machine = FrozenClock()
    clock = SharedClock(machine)
    assert clock.monotonic() == machine.monotonic()
    clock.follow(NOW, 0)
    machine.advance(7)
    assert clock.monotonic() == machine.monotonic()
    assert clock.now() == NOW


def test_shared_clock_ignores_what_took_too_long_and_small_corrections() -> None:
    elapsed = Elapsed()
    clock = SharedClock(FrozenClock(), elapsed)
    clock.follow(NOW + 0.01, 0)
    clock.follow(NOW + 50, 3)
    clock.follow(NOW - 0.01, 0)
    assert clock.now() == NOW
    clock.follow(NOW - 0.5, 0)
    assert clock.now() == NOW, "it went back by a fraction of a second"
    clock.follow(NOW - 10, 0)
    assert clock.now() == NOW - 10
    clock.follow(NOW + 10, 0)
    assert clock.now() == NOW + 10
