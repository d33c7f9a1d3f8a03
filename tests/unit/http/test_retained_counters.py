"""Counters of processes that have exited: counted once, whenever a process ends."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.http.retained_counters import MetricFamily, RetainedCounters, Sample, sum_of


def counts(**values: float) -> list[MetricFamily]:
    """A counter, with a sample for each label."""
    samples = [Sample("hits_total", {"of": of}, value) for of, value in values.items()]
    return [MetricFamily("hits", "Hits.", "counter", samples)]


def shown(families: list[MetricFamily]) -> dict[str, float]:
    return {one.labels["of"]: one.value for family in families for one in family.samples}


@pytest.fixture(scope="module")
def gone() -> int:
    """The id of a process that has exited."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_gauges_end_with_their_process(tmp_path: Path, gone: int) -> None:
    retained = RetainedCounters(tmp_path, 0)
    gauge = MetricFamily("open", "Open.", "gauge", [Sample("open", {}, 3)])
    replaced = MetricFamily("satmint_worker_replacements", "", "counter", [Sample("x", {}, 1)])
    histogram = MetricFamily("took", "Took.", "histogram", [Sample("took_sum", {}, 1.5)])
    retained.save(f"{gone}-1", [gauge, *counts(a=2), histogram, replaced])
    assert retained.read(None) == [*counts(a=2), histogram]
    assert retained.read(f"{gone}-1") == []
    assert RetainedCounters(tmp_path, 1).read(None) == []


def test_sums_are_the_same_before_and_after_a_merge(tmp_path: Path, gone: int) -> None:
    retained, alive = RetainedCounters(tmp_path, 1), f"{os.getpid()}-9"
    retained.save(alive, counts(a=1, b=7))
    for number in range(5):
        retained.save(f"{gone}-{number}", counts(a=number, c=1))
    (tmp_path / "11-1-1").write_bytes(b"of another worker")
    for _ in range(3):
        assert shown(retained.read(alive)) == {"a": 10, "c": 5}
        assert shown(retained.read(None)) == {"a": 11, "b": 7, "c": 5}
        retained.merge()
        assert len(list(tmp_path.glob("1-*"))) == 2


def test_a_merge_that_was_cut_short_counts_nothing_twice(tmp_path: Path, gone: int) -> None:
    retained = RetainedCounters(tmp_path, 0)
    for number in range(3):
        retained.save(f"{gone}-{number}", counts(a=1))
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    retained.merge()
    for path, content in files.items():
        path.write_bytes(content)
    assert shown(retained.read(None)) == {"a": 3}
    retained.save(f"{gone}-3", counts(a=5))
    retained.merge()
    assert shown(retained.read(None)) == {"a": 8}
    retained.save(f"{gone}-4", counts(a=2))
    retained.merge()
    assert shown(retained.read(None)) == {"a": 10}
    assert len(list(tmp_path.iterdir())) == 1


def test_two_files_are_merged_and_a_single_one_stays(tmp_path: Path, gone: int) -> None:
    retained = RetainedCounters(tmp_path, 0)
    retained.save(f"{gone}-1", counts(a=1))
    retained.merge()
    assert [path.name for path in tmp_path.iterdir()] == [f"0-{gone}-1"]
    retained.save(f"{gone}-2", counts(a=2))
    retained.merge()
    assert [path.name for path in tmp_path.iterdir()] == ["0-merged"]
    assert shown(retained.read(None)) == {"a": 3}
    merged = (tmp_path / "0-merged").read_bytes()
    retained.merge()
    assert (tmp_path / "0-merged").read_bytes() == merged


def test_file_that_is_gone_when_it_is_to_be_removed_is_no_error(
    tmp_path: Path, gone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    retained = RetainedCounters(tmp_path, 0)
    for number in range(2):
        retained.save(f"{gone}-{number}", counts(a=1))
    replace = Path.replace

    def replace_and_lose(path: Path, target: Path) -> Path:
        (tmp_path / f"0-{gone}-0").unlink()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replace_and_lose)
    retained.merge()
    assert [path.name for path in tmp_path.iterdir()] == ["0-merged"]
    assert shown(retained.read(None)) == {"a": 2}


def test_counters_are_read_again_while_files_are_merged(
    tmp_path: Path, gone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    retained = RetainedCounters(tmp_path, 0)
    retained.save(f"{gone}-1", counts(a=1))
    read, failures = Path.read_bytes, [FileNotFoundError()] * 9

    def read_at_last(path: Path) -> bytes:
        if failures:
            raise failures.pop()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_at_last)
    assert shown(retained.read(None)) == {"a": 1}
    failures += [FileNotFoundError()] * 10
    assert retained.read(None) == []


def test_process_that_cannot_be_asked_for_counts_as_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals: list[int] = []

    def forbidden(_pid: int, number: int) -> None:
        signals.append(number)
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    retained = RetainedCounters(tmp_path, 0)
    for name in ("1-1", "2-1", "nonsense"):
        retained.save(name, counts(a=1))
    retained.merge()
    assert len(list(tmp_path.iterdir())) == 3
    assert signals == [0, 0]  # which is no signal: it only looks


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 99)), max_size=5))
def test_sum_adds_samples_of_the_same_labels(parts: list[dict[str, int]]) -> None:
    expected: Counter[str] = Counter()
    for part in parts:
        expected.update(part)
    assert shown(sum_of(*(counts(**part) for part in parts))) == dict(expected)
