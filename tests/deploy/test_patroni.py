"""The short form of `make failover`: the files of deploy/patroni, a switchover and a death.

Three PostgreSQL servers under Patroni, two servers of satmint behind HAProxy, clients and the crowd
of the soak test.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.failover.course import Course
from tests.failover.faults import FAULTS
from tests.failover.trial import play_failovers
from tests.kit.patroni import PatroniCluster, PatroniMissing
from tests.soak.history import Answer, Deed
from tests.soak.troubles import Plan

TRIED = ("switchover", "machine killed")


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
    plan = Plan("Patroni", workers=1, bands=4, callers=3, kills=0, clocks=(None, None))
    outcome, found = await play_failovers(course, plan, tmp_path)
    assert found == []
    assert outcome.violations == []
    assert outcome.bugs == []
    assert [one.fault for one in course.done] == list(TRIED)
    assert all(one.primary != one.former for one in course.done)
    assert outcome.operations[Deed.REFRESH, Answer.GRANTED] > 0
