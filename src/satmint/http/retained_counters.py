"""Keeps the counters of workers that have exited, so that the sums of `/metrics` never decrease.

Each worker process saves its counters to a file of its own whenever it is asked for them, every few
seconds, and when it stops. Whatever a scrape has shown is thus in a file, even if the process is
killed afterwards. Gauges are not kept: they end with their process.

A starting worker merges the files of its predecessors that have exited, of which there may be many.
The merged file names its parts, so that each is counted once, whenever a process ends.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

_COUNTED_TYPES: Final = frozenset({"counter", "histogram"})
_NOT_SAVED: Final = frozenset({"satmint_worker_replacements"})
"""A worker has this count of its predecessors from the supervisor."""
_MERGED: Final = "merged"
_READ_ATTEMPTS: Final = 10


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One sample of a metric."""

    name: str
    labels: dict[str, str]
    value: float


class MetricFamily(msgspec.Struct, frozen=True, array_like=True):
    """A metric with its samples."""

    name: str
    text: str
    type: str
    samples: list[Sample]


class _Saved(msgspec.Struct, frozen=True, array_like=True):
    families: list[MetricFamily]
    parts: list[str]
    """The files whose counters are included."""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Saved).decode


class RetainedCounters:
    """The files with the counters of all processes that had the same number."""

    def __init__(self, folder: Path, number: int) -> None:
        """Use the files of worker `number` in `folder`."""
        self._folder = folder
        self._prefix = f"{number}-"

    def save(self, instance: str, families: Iterable[MetricFamily]) -> None:
        """Save the counters of a process.

        Args:
            instance: The process: its id, a hyphen, and what distinguishes it from later ones.
            families: All of its metrics.
        """
        counted = [
            family
            for family in families
            if family.type in _COUNTED_TYPES and family.name not in _NOT_SAVED
        ]
        self._write(instance, _Saved(counted, []))

    def read(self, instance: str | None) -> list[MetricFamily]:
        """The sums of the counters of all processes but `instance`."""
        for _ in range(_READ_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):  # merged meanwhile
                saved = self._read_all()
                return _sum_of(_not_in(saved, saved.keys() - {instance}))
        return []

    def merge(self) -> None:
        """Merge the files of processes that have exited. One process at a time may do so."""
        saved = self._read_all()
        exited = {name for name in saved if name == _MERGED or not _is_running(name)}
        if len(exited) <= 1:
            return
        parts = sorted(exited - {_MERGED})
        self._write(_MERGED, _Saved(_sum_of(_not_in(saved, exited)), parts))
        for name in parts:
            (self._folder / f"{self._prefix}{name}").unlink(missing_ok=True)

    def _read_all(self) -> dict[str, _Saved]:
        found = {}
        for path in self._folder.glob(f"{self._prefix}*"):
            if path.suffix != ".new":
                found[path.name.removeprefix(self._prefix)] = _decode(path.read_bytes())
        return found

    def _write(self, name: str, saved: _Saved) -> None:
        path = self._folder / f"{self._prefix}{name}"
        new = path.with_name(f"{path.name}.new")
        new.write_bytes(_encode(saved))
        new.replace(path)


def sum_of(*parts: Iterable[MetricFamily]) -> list[MetricFamily]:
    """The metrics of several processes: samples of the same name and labels are added."""
    return _sum_of(parts)


def _sum_of(parts: Iterable[Iterable[MetricFamily]]) -> list[MetricFamily]:
    families: dict[str, MetricFamily] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for part in parts:
        for family in part:
            families.setdefault(family.name, family)
            sums = values.setdefault(family.name, {})
            for sample in family.samples:
                key = sample.name, tuple(sample.labels.items())
                sums[key] = sums.get(key, 0.0) + sample.value
    return [
        MetricFamily(
            family.name,
            family.text,
            family.type,
            [Sample(name, dict(labels), value) for (name, labels), value in values[key].items()],
        )
        for key, family in families.items()
    ]


def _not_in(saved: dict[str, _Saved], names: Iterable[str]) -> Iterator[Sequence[MetricFamily]]:
    """The counters of `names`, without those that the merged file includes already."""
    merged = saved[_MERGED].parts if _MERGED in saved else ()
    for name in names:
        if name not in merged:
            yield saved[name].families


def _is_running(instance: str) -> bool:
    try:
        os.kill(int(instance.partition("-")[0]), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        pass
    return True
