"""Spans are answered for as if each of them was looked at."""

import random

import pytest

from tests.soak.spans import Span, Spans, Stalls

DICE = random.Random(6)


def of_any_order() -> list[Span]:
    begins = [DICE.randrange(60) for _ in range(DICE.randrange(9))]
    return [Span(begin, begin + DICE.randrange(12)) for begin in begins]


def one_after_the_other() -> list[Span]:
    times = sorted(DICE.sample(range(60), 2 * DICE.randrange(9)))
    return [Span(*pair) for pair in zip(times[::2], times[1::2], strict=True)]


def questions() -> list[Span]:
    return [Span(begin, begin + length) for begin in range(-1, 62, 3) for length in (0, 1, 7, 40)]


def test_time_within_stalls_is_that_of_each_of_them() -> None:
    for spans in ([], *(one_after_the_other() for _ in range(50))):
        stalls = Stalls(spans)
        assert stalls.total == sum(span.latest - span.earliest for span in spans)
        for asked in questions():
            moments = set(range(asked.earliest, asked.latest))
            in_each = (moments & set(range(span.earliest, span.latest)) for span in spans)
            assert stalls.within(asked) == sum(map(len, in_each)), (spans, asked)


def test_stalls_that_overlap_are_refused() -> None:
    stalls = Stalls([Span(0, 5), Span(5, 6)])
    with pytest.raises(ValueError, match="spans overlap"):
        stalls.append(Span(5, 9))
    assert stalls.within(Span(0, 9)) == 6


def test_spans_overlap_as_one_of_them_does() -> None:
    for spans in ([], *(of_any_order() for _ in range(50))):
        for asked in questions():
            expected = any(
                span.earliest <= asked.latest and asked.earliest <= span.latest for span in spans
            )
            assert Spans(spans).overlap(asked) is expected, (spans, asked)


def test_none_that_ends_since_a_moment_is_left_out() -> None:
    for spans in ([], *(of_any_order() for _ in range(50))):
        for moment in range(-1, 75, 5):
            found = list(Spans(spans).since(moment))
            assert found == sorted(found)
            left_out = set(spans) - set(found)
            assert all(span.latest < moment for span in left_out), (spans, moment)
    assert list(Spans([Span(0, 1), Span(2, 3), Span(4, 5)]).since(3)) == [Span(2, 3), Span(4, 5)]
