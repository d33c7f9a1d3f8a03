"""What is made of what was seen."""

from pathlib import Path

import pytest
from benchmarks.bars import Bar, bars
from benchmarks.gauges import Histogram
from benchmarks.inprocess import Cost
from benchmarks.report import Spread, Subject, keep, read, section, spread

from tests.bench.sample_reports import gateway_report, refreshes, report, result, whole_report


def test_costs_are_by_request_and_process_tree() -> None:
    [summary] = section("x", [{"postgres": result(1000, 0.08, 0.02)}]).summaries
    assert {tree: cost.median for tree, cost in summary.cpu_us.items()} == pytest.approx(
        {"server": 80.0, "database": 20.0}
    )
    assert summary.user_share == pytest.approx(0.75)
    assert summary.resident_mb == 50.0
    assert summary.switches == pytest.approx(0.1)
    assert summary.batch_mean == 20.0
    assert summary.times_floor is None


def test_ratio_to_the_floor_is_taken_within_each_round() -> None:
    """A machine that is half as fast in the second round changes no ratio."""
    fast = {"floor": result(1000, 0.05), "sqlite": result(1000, 0.1)}
    slow = {"floor": result(500, 0.05), "sqlite": result(500, 0.1)}
    floor, sqlite = refreshes(fast, slow).summaries
    assert floor.times_floor is None
    assert sqlite.times_floor == Spread(2.0, 2.0, 2.0)
    assert sqlite.requests_per_second == Spread(750.0, 500.0, 1000.0)


def test_middle_and_ends() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_what_was_promised_stands_beside_what_came_out() -> None:
    found = {bar.what: bar for bar in bars(whole_report())}
    assert found == {
        what: Bar(what, wanted, got, unit, holds)
        for what, wanted, got, unit, holds in (
            (
                "CPU of a durable refresh, SQLite, relative to the floor",
                *("≤ 1.7", Spread(2.0, 2.0, 2.0), "×", False),
            ),
            (
                "Refreshes a second, SQLite, relative to oidc-provider on PostgreSQL",
                *("≥ 6.5", Spread(15.0, 10.0, 20.0), "×", True),
            ),
            (
                "Refreshes a second, 1,000 sessions relative to 10, SQLite",
                *("≥ 0.8", Spread(0.95, 0.95, 0.95), "×", True),
            ),
            (
                "Additional memory with 1,000 sessions instead of 10, SQLite",
                *("≤ 140", Spread(0.0, 0.0, 0.0), "MB", True),
            ),
            (
                "Forked sessions in 1,000 races, satmint, SQLite",
                *("0", Spread(0, 0, 0), "", True),
            ),
            ("Decrypting and checking a SAT", "≤ 25", Spread(5.0, 5.0, 5.0), "µs", True),
            (
                "Start to the first response, satmint, SQLite",
                *("< 1.5", Spread(0.5, 0.5, 0.5), "s", True),
            ),
        )
    }


def test_promise_that_was_not_kept_says_so() -> None:
    rounds = {"floor": result(1000, 0.05), "sqlite": result(1000, 0.11)}
    [bar] = bars(report(sections={"refresh": refreshes(rounds)}))
    assert bar.got.median == pytest.approx(2.2)
    assert not bar.holds


def test_what_browsers_do_is_measured_by_the_middle_refresh_of_the_run() -> None:
    refreshed = refreshes({"sqlite": result(1000, 0.1)}, {"sqlite": result(1000, 0.2)})
    read = refreshes({"sqlite": result(1000, 0.12)}, {"sqlite": result(1000, 0.18)})
    found = bars(report(sections={"refresh": refreshed, "info": read}))
    [bar] = [bar for bar in found if "reading" in bar.what]
    assert bar.what == "CPU of reading one's own subscriber, SQLite, relative to a refresh"
    assert (bar.got.median, bar.got.least, bar.got.most) == pytest.approx((1.0, 0.8, 1.2))
    assert (bar.wanted, bar.holds) == ("≤ 1", True)


def test_what_browsers_do_at_the_gateway_is_measured_by_a_refresh_of_the_same_round() -> None:
    found = {bar.what: bar for bar in bars(gateway_report())}
    connect = found[
        "CPU of connecting to the gateway and going online, SQLite, relative to a refresh"
    ]
    assert connect.got == Spread(4.5, 4.0, 5.0)
    assert (connect.wanted, connect.holds) == ("≤ 5", True)
    resume = found["CPU of resuming at the gateway after a restart, SQLite, relative to a refresh"]
    assert resume.got == Spread(5.0, 5.0, 5.0)
    assert (resume.wanted, resume.holds) == ("≤ 4", False)
    memory = found["Memory of a live session, SQLite"]
    assert memory.got == Spread(15.0, 10.0, 20.0)
    assert (memory.wanted, memory.unit, memory.holds) == ("≤ 16", "KiB", True)


def test_storm_has_a_bar_for_each_of_its_promises() -> None:
    found = [bar for bar in bars(gateway_report()) if "PostgreSQL" in bar.what]
    assert [(bar.what, bar.got.median, bar.holds) for bar in found] == [
        ("From a restart until all of 5,000 live sessions are back, PostgreSQL", 4.25, True),
        ("Browsers refused although they waited as told, of 5,000, PostgreSQL", 1, False),
        ("p99 of refreshes while 5,000 live sessions come back, PostgreSQL", 120.0, False),
    ]


def test_two_workers_stand_beside_one_where_both_were_there() -> None:
    both = {"postgres": result(1000), "postgres-2": result(1800), "sqlite-2": result(9)}
    [bar] = bars(report(sections={"workers": refreshes(both)}))
    assert bar.what == "Refreshes a second, two workers relative to one, PostgreSQL"
    assert bar.got.median == pytest.approx(1.8)
    assert bar.holds


def test_proof_is_measured_by_the_bare_verification() -> None:
    costs = [Cost("check an RS256 proof", 32.0, 31.0), Cost("the signature of that alone", 20, 20)]
    [bar] = bars(report(in_process=costs))
    assert (bar.got.median, bar.holds) == (1.6, False)


def test_slow_start_is_seen() -> None:
    [bar] = bars(report(subjects={"sqlite": Subject("satmint, SQLite", "WAL", 1.6)}))
    assert (bar.got.median, bar.unit, bar.holds) == (1.6, "s", False)


def test_report_is_kept_and_read_again(tmp_path: Path) -> None:
    made = whole_report()
    file = keep(made, tmp_path / "results")
    assert file.name == "2026-11-21T040500Z-abc123.json"
    assert read(file) == made


def test_histogram_of_a_window_is_the_difference() -> None:
    before, after = Histogram({"1": 2, "2": 5}, 12.0), Histogram({"1": 3, "2": 9}, 21.0)
    assert after.since(before) == Histogram({"1": 1, "2": 4}, 9.0)
