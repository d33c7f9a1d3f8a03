"""A leak is seen, and noise is not taken for one."""

import os
import random
from collections.abc import Callable

import pytest

from tests.soak.growth import Bound, Sample, growth, open_files, resident_megabytes

BOUND = Bound(per_minute=1, slack=2)


def samples(value: Callable[[float], float], minutes: float = 10) -> list[Sample]:
    return [Sample(at, value(at)) for at in range(int(minutes * 60))]


def noisy(at: float) -> float:
    dice = random.Random(at)
    return 100 + dice.uniform(-5, 5) + (40 if dice.random() < 0.05 else 0)


@pytest.mark.parametrize(
    "value",
    [
        lambda _at: 100.0,
        noisy,
        lambda at: 100 - at,
        lambda at: 100 + min(at, 100),  # warming up
        lambda at: 100 + 10 * (at % 60) / 60,  # a saw
        lambda at: 100 + 0.9 * at / 60,
    ],
)
def test_series_within_its_bound_is_flat(value: Callable[[float], float]) -> None:
    assert growth("memory", "MB", samples(value), 0.25, BOUND).flat


@pytest.mark.parametrize(
    "value",
    [
        lambda at: 100 + 3 * at / 60,
        lambda at: noisy(at) + 3 * at / 60,
        lambda at: 100 + 5 * (at // 120),  # in steps
        lambda at: 100 + 10 * (at % 60) / 60 + 3 * at / 60,
    ],
)
def test_growing_series_is_found(value: Callable[[float], float]) -> None:
    found = growth("memory", "MB", samples(value), 0.25, BOUND)
    assert not found.flat
    assert "GROWS" in str(found)


@pytest.mark.parametrize(("more", "flat"), [(10, True), (13, False)])
def test_a_share_of_what_there_was_is_slack(more: int, flat: bool) -> None:
    bound = Bound(per_minute=0, slack=1, share=0.1)
    looks = samples(lambda at: 100 + more * at / 600)
    assert growth("database", "MB", looks, 0, bound).flat is flat


def test_a_look_is_put_into_words() -> None:
    found = growth("file handles", "", samples(lambda _at: 7.0, 2), 0.5, BOUND)
    assert str(found) == (
        "file handles: 7.0 to 7.0  in 1.0 min, +0.00 a minute: flat (+3.0 allowed);"
        " 7 7 7 7 7 7 7 7 7 7 7 7"
    )


def test_gauges_read_a_process() -> None:
    before = open_files([os.getpid()])
    with open(os.devnull):  # noqa: PTH123 - any handle
        assert open_files([os.getpid()]) == before + 1
    assert 5 < resident_megabytes([os.getpid()]) < 5000
    assert open_files([-1]) == resident_megabytes([-1]) == 0
