"""What the history of the metrics looks like: plots of tokens, refusals, connections and times."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from satmint.console.plots import Axis, Plot, Series, plot
from satmint.http.metrics import BATCH_STEPS, RESPONSE_SECONDS
from satmint.http.metrics_history import BUCKETS, Bucket, History, Range, quantile

_STEPS: Final = {Range.HOUR: "minute", Range.SIX_HOURS: "6 minutes", Range.DAY: "24 minutes"}
_AGO: Final = {
    Range.HOUR: ("1 h ago", "30 min ago", "now"),
    Range.SIX_HOURS: ("6 h ago", "3 h ago", "now"),
    Range.DAY: ("24 h ago", "12 h ago", "now"),
}
_TOKENS: Final = {"issued": "mint", "bound": "grey", "refreshed": "blue", "replayed": "amber"}
_REUSE: Final = "reuse"
_CAUSE_TONES: Final = ("amber", "blue", "mint")
"""The most frequent causes of refusals have a colour of their own."""
_QUANTILES: Final = (("p99", "amber", 0.99), ("p50", "mint", 0.5))

_Value = Callable[[Bucket], float | None]
_Show = Callable[[float], str]


class LoadPlots:
    """The history by step of time."""

    def __init__(self, history: History, wanted: Range) -> None:
        """Arrange.

        Args:
            history: The history.
            wanted: Its range.
        """
        by_index = {bucket.index: bucket for bucket in history.buckets}
        last = history.now // wanted.step
        indexes = range(last - BUCKETS + 1, last + 1)
        self._step = _STEPS[wanted]
        self._buckets = [by_index.get(index) for index in indexes]
        starts = [index * wanted.step for index in indexes]
        self._axis = Axis(starts, _AGO[wanted], _clock_time)
        sampled = [bucket for bucket in self._buckets if bucket is not None]
        self.last = sampled[-1] if sampled else Bucket(0)
        """The newest bucket."""
        self.totals: Counter[str] = Counter()
        """What was counted in the range; see `Bucket.counts`."""
        self.causes: Counter[str] = Counter()
        """Refusals in the range, by cause."""
        for bucket in sampled:
            self.totals.update(bucket.counts)
            self.causes.update(bucket.refusals)

    def plots(self) -> Sequence[Plot]:
        """All plots."""
        step, axis = self._step, self._axis
        return [
            plot(f"Tokens per {step}", axis, self._tokens(), _count, stacked=True, least=2),
            plot(f"Refusals per {step}", axis, self._refusals(), _count, stacked=True, least=2),
            plot("Live connections", axis, self._live(), _count, stacked=False, least=2),
            plot("Time to respond", axis, self._times(), _milliseconds, stacked=False),
            plot("Operations per commit", axis, self._batches(), _count, stacked=False, least=2),
        ]

    def _tokens(self) -> list[Series]:
        return [
            self._counted(name.capitalize(), tone, partial(_counted, name))
            for name, tone in _TOKENS.items()
        ]

    def _refusals(self) -> list[Series]:
        causes = [cause for cause, _ in self.causes.most_common() if cause != _REUSE]
        named, others = causes[: len(_CAUSE_TONES)], causes[len(_CAUSE_TONES) :]
        shown = [self._counted("Reuse", "red", partial(_counted, _REUSE))]
        for cause, tone in zip(named, _CAUSE_TONES, strict=False):
            shown.append(self._counted(cause.replace("_", " "), tone, partial(_refused, (cause,))))
        if others:
            shown.append(self._counted("other causes", "grey", partial(_refused, others)))
        return shown

    def _live(self) -> list[Series]:
        return [
            self._measured("Sockets", "blue", _sockets, _count),
            self._measured("Authenticated", "mint", _authenticated, _count),
        ]

    def _times(self) -> list[Series]:
        return [
            self._measured(name, tone, partial(_response_time, share), _milliseconds)
            for name, tone, share in _QUANTILES
        ]

    def _batches(self) -> list[Series]:
        return [
            self._measured(name, tone, partial(_batch_size, share), _count)
            for name, tone, share in _QUANTILES
        ]

    def _counted(self, name: str, tone: str, value: _Value) -> Series:
        values = [None if each is None else value(each) for each in self._buckets]
        return Series(name, tone, values, _count(sum(one or 0 for one in values)))

    def _measured(self, name: str, tone: str, value: _Value, show: _Show) -> Series:
        values = [None if each is None else value(each) for each in self._buckets]
        last = next((one for one in reversed(values) if one is not None), None)
        return Series(name, tone, values, "" if last is None else show(last))


def _counted(name: str, bucket: Bucket) -> float:
    return bucket.counts.get(name, 0)


def _refused(causes: Sequence[str], bucket: Bucket) -> float:
    return sum(bucket.refusals.get(cause, 0) for cause in causes)


def _sockets(bucket: Bucket) -> float:
    return bucket.sockets


def _authenticated(bucket: Bucket) -> float:
    return bucket.live


def _response_time(share: float, bucket: Bucket) -> float | None:
    return quantile(RESPONSE_SECONDS, bucket.seconds, share)


def _batch_size(share: float, bucket: Bucket) -> float | None:
    return quantile(BATCH_STEPS, bucket.batches, share)


def _count(value: float) -> str:
    return f"{value / 1000:g} k" if value >= 10_000 else f"{value:g}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def _clock_time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M UTC")
