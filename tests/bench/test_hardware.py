"""What hardware browsers need, computed from what was measured."""

from dataclasses import replace
from math import ceil

import pytest
from benchmarks.hardware import PEAK, REFRESHES_PER_HOUR, costs_of, hardware_page, need_of
from benchmarks.report import Report
from msgspec import structs

from tests.bench.sample_reports import fleet_report, report, whole_report


def page_of(made: Report) -> str:
    page = hardware_page(made, "kept.json")
    assert page is not None
    return page


def row(page: str, first: str) -> str:
    [line] = [line for line in page.splitlines() if line.startswith(f"| {first} |")]
    return line


def test_need_is_the_sum_of_what_each_browser_causes() -> None:
    costs = costs_of(fleet_report(), "sqlite")
    assert costs is not None
    need = need_of(costs, 100_000)
    hours = PEAK * 100_000 / 3600
    # CPU in microseconds: renewal and resume, page and connect, sign-in.
    busy = hours * (REFRESHES_PER_HOUR * (300 + 750) + 3 * (100 + 650) + 200 / 8)
    assert need.server_cores == pytest.approx(2 * (busy + 100_000 * 8) / 1e6)
    assert need.database_cores == 0.0
    assert need.writes_per_second == pytest.approx(hours * (REFRESHES_PER_HOUR + 1 / 8))
    assert need.processes == 10  # of 10,000 WebSockets each
    assert need.memory_gb == pytest.approx((10 * 50e6 + 100_000 * 15 * 1024) / 1e9)
    events = 8 * REFRESHES_PER_HOUR + 1
    assert need.disk_gb == pytest.approx(100_000 * (2 * 2000 + 30 * events * 300) / 1e9)


def test_cores_make_more_processes_than_sockets_do() -> None:
    costs = costs_of(fleet_report(), "sqlite")
    assert costs is not None
    slow = replace(costs, device_refresh={"server": 30_000.0})
    need = need_of(slow, 100_000)
    assert need.processes == ceil(need.server_cores) > 10


def test_page_has_a_row_for_each_number_of_browsers_and_each_check() -> None:
    page = page_of(fleet_report())
    assert row(page, "CPU: connect and go online") == "| CPU: connect and go online | 650 µs |"
    assert row(page, "10,000").startswith("| 10,000 | 24 | ")
    assert row(page, "10,000").split(" | ")[4] == "1"
    assert row(page, "100,000") == "| 100,000 | 243 | use PostgreSQL |  |  |  |  |"
    assert "For example, 1,000,000 browsers with SQLite: (2,360 renewals/s × 1,050 µs + " in page
    assert row(page, "refreshes/s with 0.5 of a core, SQLite").endswith("| 4,000 | 1,000 |")
    load = "5,000 live sessions and 200 refreshes/s, SQLite"
    assert row(page, f"cores of the server, {load}").endswith("| 0.07 | 0.10 |")
    assert row(page, "memory of the server, MB, the same, SQLite").endswith("| 127 | 150 |")
    assert "This result has no" not in page


def test_page_says_what_its_result_lacks() -> None:
    made = fleet_report()
    kept = {part: one for part, one in made.sections.items() if not part.startswith("gateway")}
    page = page_of(
        structs.replace(made, sections=kept, live_sessions=[], event_sizes=[], storms=[])
    )
    assert "This result has no measurements of live sessions" in page
    assert "This result has no measurement of the size of an event" in page
    assert row(page, "memory of a live session") == "| memory of a live session | not measured |"
    assert "live sessions and" not in page


@pytest.mark.parametrize("made", [report(), whole_report()])
def test_result_without_what_browsers_do_makes_no_page(made: Report) -> None:
    assert hardware_page(made, "kept.json") is None
