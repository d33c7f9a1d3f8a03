"""The page that is made of a kept result."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from benchmarks.page import (
    PAGE,
    RATES,
    RESULTS,
    SIZES,
    files,
    newest,
    newest_of_cluster,
    newest_with_profiles,
)
from benchmarks.plot import Bar, Line, bar_chart, line_chart
from benchmarks.profiling import KINDS, PYTHON, Profile
from benchmarks.report import Subject, keep, read, section
from msgspec import structs

from tests.bench.sample_reports import gateway_report, refreshes, report, result, whole_report
from tests.house.tree import ROOT

SVG = "{http://www.w3.org/2000/svg}"


def rows(page: str, first: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith(f"| {first}")]


def test_page_says_what_was_seen_and_how_to_see_it_again() -> None:
    page = files(whole_report(), "kept.json")[PAGE]
    assert "python -m benchmarks\npython -m benchmarks.page\n" in page
    assert "(../benchmarks/results/kept.json)" in page
    what = "Refreshes a second, SQLite, relative to oidc-provider on PostgreSQL"
    assert rows(page, what) == [f"| {what} | ≥ 6.5 × | 15.00 (10.00–20.00) × | yes |"]
    assert rows(page, "oidc-provider, PostgreSQL") == [
        "| oidc-provider, PostgreSQL | 50 | 2 | 0 | **48** | 0 |",
        "| oidc-provider, PostgreSQL | fsync |",
        "| oidc-provider, PostgreSQL | 1,250 + 625 | 20.00 | 50 | 2.0 | 4.0 | 50 | 20.0 |",
    ]
    assert "\nLeft out here: authlib-postgres: npm is missing.\n" in page


def test_page_compares_a_cluster_with_one_postgresql() -> None:
    rounds = {"postgres": result(1000, cpu=0.1), "citus": result(250, cpu=0.2)}
    subjects = {name: Subject(name, "fsync", 1.0) for name in rounds}
    cluster = report(subjects=subjects, sections={"refresh": refreshes(rounds)})
    page = files(whole_report(), "kept.json", (cluster, "cluster.json"))[PAGE]
    assert "[these measurements](../benchmarks/results/cluster.json)" in page
    assert "| Refresh | 100 | 1,000 | 4.0 | 800 | 250 | 4.0 | 0.25 |" in rows(page, "Refresh")
    assert "## A Citus cluster" not in files(whole_report(), "kept.json")[PAGE]


def test_the_newest_result_of_a_cluster_has_both_stores(tmp_path: Path) -> None:
    assert newest_of_cluster(tmp_path) is None
    both = {name: Subject(name, "fsync", 1.0) for name in ("postgres", "citus")}
    file = keep(report(subjects=both), tmp_path)
    later = datetime(2027, 1, 1, tzinfo=UTC)
    keep(report(at=later, subjects=both, quick=True), tmp_path)
    keep(report(at=later + timedelta(1), subjects={"citus": both["citus"]}), tmp_path)
    assert newest_of_cluster(tmp_path) == file


def test_page_tells_where_the_time_of_a_refresh_goes() -> None:
    page = files(whole_report(), "kept.json")[PAGE]
    assert rows(page, "Python: the interpreter") == ["| Python: the interpreter | 31.2 | 93.8 |"]
    assert rows(page, "kernel") == ["| kernel | 31.2 | 0.0 |"]
    assert rows(page, "SQLite") == ["| SQLite | 0.0 | 31.2 |"]
    assert rows(page, "asyncpg") == []
    assert rows(page, "together") == ["| together | 62.5 | 125.0 |"]
    least = "| with no more Python than the floor | 1.00 × | 1.00 × |"
    assert rows(page, "with no more Python") == [least]
    assert "The other requests." not in page
    without = structs.replace(whole_report(), profiles=[])
    assert "## Where the time goes" not in files(without, "kept.json")[PAGE]


def test_page_compares_what_browsers_do_with_a_refresh() -> None:
    kinds = {**dict.fromkeys(KINDS, 0.0), PYTHON: 0.75, "cryptography": 0.25}
    whole = whole_report()
    guest = section("Guest", [{"sqlite": result(1000, 0.25)}])
    whole = structs.replace(whole, sections={**whole.sections, "guest": guest})
    profiled = report(profiles=[*whole.profiles, Profile("sqlite", kinds, "guest")])
    page = files(whole, "kept.json", None, (profiled, "profiled.json"))[PAGE]
    assert "(../benchmarks/results/profiled.json)" in page
    # 62.5 µs of cryptography, and the 93.75 µs of Python of a refresh, relative to its 125 µs.
    (row,) = rows(page, "satmint, SQLite | guest")
    assert row.endswith(" | 250 | 1.25 × |")


def test_page_tells_of_a_storm_where_one_was_measured() -> None:
    page = files(gateway_report(), "kept.json")[PAGE]
    assert rows(page, "postgres") == ["| postgres | 5,000 | 0.50 | 2.00 | 4.25 | 7 | 4.0 | 120.0 |"]
    assert "### A restart with live sessions" not in files(whole_report(), "kept.json")[PAGE]


def test_plots_are_svg_with_a_row_for_each_process() -> None:
    made = files(whole_report(), "kept.json")
    rates, sizes = (ET.fromstring(made[path]) for path in (RATES, SIZES))
    assert {bar.get("class") for bar in rates.iter(f"{SVG}rect")} == {
        *("back", "ours", "other", "floor")
    }
    texts = [text.text for text in rates.iter(f"{SVG}text")]
    assert "two winners in 96% of 50 races" in texts
    assert "never two winners in 1,000 races" in texts
    assert len(list(sizes.iter(f"{SVG}circle"))) == 2


def test_what_was_not_measured_makes_no_plot() -> None:
    assert list(files(report(), "kept.json")) == [PAGE]


def test_names_with_signs_of_xml_stay_names() -> None:
    bar = Bar("<a> & b", "", 0.0, "0", "other")
    texts = [one.text for one in ET.fromstring(bar_chart("t", [bar])).iter(f"{SVG}text")]
    assert texts == ["t", "<a> & b", "0"]


@pytest.mark.parametrize("points", [[(10, 5.0)], [(10, 5.0), (1000, 4.0), (100000, 0.0)]])
def test_lines_stay_inside(points: list[tuple[float, float]]) -> None:
    made = line_chart("t", "x", [Line("a", points), Line("b", points)])
    root = ET.fromstring(made)
    width, height = (float(root.get(side) or 0) for side in ("width", "height"))
    for dot in root.iter(f"{SVG}circle"):
        assert 0 < float(dot.get("cx") or 0) < width
        assert 0 < float(dot.get("cy") or 0) < height
    labels = [one for one in root.iter(f"{SVG}text") if one.text in ("a", "b")]
    first, second = (float(label.get("y") or 0) for label in labels)
    assert abs(first - second) >= 18


def test_newest_whole_result_is_taken(tmp_path: Path) -> None:
    whole = whole_report()
    file = keep(whole, tmp_path)
    (tmp_path / "2027-01-01T000000Z-quick.json").write_bytes(
        keep(report(quick=True), tmp_path / "quick").read_bytes()
    )
    (tmp_path / "2028-01-01T000000Z-of-another-kind.json").write_text('{"summaries":[]}')
    assert newest(tmp_path) == file
    assert newest(tmp_path / "nothing") is None


def test_page_is_the_one_that_its_result_makes() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    name, profiles, cluster = re.findall(r"\(\.\./benchmarks/results/([^)]+\.json)\)", page)
    assert RESULTS / profiles == newest_with_profiles(RESULTS)
    assert RESULTS / cluster == newest_of_cluster(RESULTS)
    reports = {one: (read(RESULTS / one), one) for one in (name, cluster, profiles)}
    made = files(*reports[name], reports[cluster], reports[profiles])
    written = {path: (ROOT / path).read_text(encoding="utf-8") for path in made}
    assert written == made, "run: python -m benchmarks.page"


def test_the_readme_boasts_of_nothing_that_the_page_does_not_say() -> None:
    readme, page = ((ROOT / name).read_text() for name in ("README.md", "docs/performance.md"))
    rate = re.search(r"\*\*([\d,]+)\s+durable refreshes a second\*\*", readme)
    ratio = re.search(r"\*\*([\d.]+) times\*\* \(([\d.]+) to ([\d.]+)\)", readme)
    row = re.search(
        r"\| satmint, SQLite \| \d+ \| ([\d.]+) \(([\d.]+)–([\d.]+)\) \| ([\d,]+) ", page
    )
    assert rate is not None
    assert ratio is not None
    assert row is not None
    assert rate[1] == row[4]
    assert ratio.groups() == tuple(f"{float(figure):.1f}" for figure in row.groups()[:3])
