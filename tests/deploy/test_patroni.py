"""The short form of `make failover`: the files of deploy/patroni, and a dead machine.

Three PostgreSQL servers under Patroni, a server of satmint behind HAProxy, clients and the crowd
of the soak test.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.failover.course import Course
from tests.failover.faults import FAULTS
from tests.failover.trial import play_failovers
from tests.house.tree import ROOT
from tests.kit.patroni import EXAMPLES, PatroniCluster, PatroniMissing
from tests.soak.history import Answer, Deed
from tests.soak.troubles import Plan

DOCUMENT = ROOT / "docs" / "high-availability.md"
SHOWN = re.compile(r"^```(yaml|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE_OF = {"yaml": "patroni.yml", "text": "haproxy.cfg"}
TRIED = ("machine killed",)


@pytest.fixture
def cluster() -> Iterator[PatroniCluster]:
    try:
        made = PatroniCluster(namespaces=False)
    except PatroniMissing as missing:
        pytest.skip(str(missing))
    yield made
    made.stop()


async def test_nothing_acknowledged_is_lost_whoever_is_the_primary(
    tmp_path: Path, cluster: PatroniCluster
) -> None:
    faults = [fault for fault in FAULTS if fault.name in TRIED]
    course = Course(cluster, faults, clients=8, heals_last=False)
    plan = Plan("Patroni", workers=1, bands=4, callers=3, kills=0)
    outcome, found = await play_failovers(course, plan, tmp_path)
    assert found == []
    assert outcome.violations == []
    assert outcome.bugs == []
    assert [one.fault for one in course.done] == list(TRIED)
    assert all(one.primary != one.former for one in course.done)
    assert outcome.operations[Deed.REFRESH, Answer.GRANTED] > 0


def test_the_document_shows_what_is_tried() -> None:
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition("\n## With Patroni\n")
    found = SHOWN.findall(section)
    assert {language for language, _ in found} == set(EXAMPLE_OF)
    for language, text in found:
        assert text in (EXAMPLES / EXAMPLE_OF[language]).read_text(encoding="utf-8")
