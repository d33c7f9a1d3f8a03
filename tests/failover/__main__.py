"""`make failover`: minutes of what `tests/deploy/test_patroni.py` does in seconds.

    FAILOVER_MINUTES=20 make failover
    FAILOVER_ONLY="machine frozen;machine killed" make failover

Ends with 1 where anything was found, or could not be tried.
"""

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.failover.course import Course, table_of
from tests.failover.faults import FAULTS, possible
from tests.failover.trial import play_failovers
from tests.kit.patroni import PatroniCluster, PatroniMissing
from tests.soak.troubles import Plan

MINUTES: Final = float(os.environ.get("FAILOVER_MINUTES", "20"))
ONLY: Final = [name.strip() for name in os.environ.get("FAILOVER_ONLY", "").split(";") if name]
SEED: Final = int(os.environ.get("FAILOVER_SEED", "20261202"))
_DISK_MEGABYTES: Final = 5 * 1024
"""For `max_slot_wal_keep_size` and `max_wal_size`, of which a smaller disk was full after half an
hour, and for what an hour writes."""


def main() -> int:
    """The exit code."""
    # So that nothing stays behind: namespaces, mounted disks, processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = [fault for fault in FAULTS if not ONLY or fault.name in ONLY]
    assert chosen, [fault.name for fault in FAULTS]
    try:
        cluster = PatroniCluster(disk_megabytes=_DISK_MEGABYTES)
    except PatroniMissing as missing:
        print(f"LEFT OUT everything: {missing}")
        return 1
    try:
        faults = [fault for fault in chosen if possible(cluster, fault)]
        left_out = [fault for fault in chosen if fault not in faults]
        course = Course(cluster, faults, seconds=MINUTES * 60, calm=5.0)
        plan = Plan(
            "Patroni", workers=1, bands=12, callers=4, clocks=(None, None), tenants=True, seed=SEED
        )
        with tempfile.TemporaryDirectory(prefix="satmint-failover-") as place:
            outcome, found = asyncio.run(play_failovers(course, plan, Path(place)))
        print("\n".join([*outcome.lines(), *table_of(course.done), *found]))
        good = outcome.good and not found and not left_out
        if not good:
            print(cluster.logs())
    except BaseException:
        print(cluster.logs(), flush=True)
        raise
    finally:
        cluster.stop()
    for fault in left_out:
        print(f"LEFT OUT {fault.name}: this machine allows no {fault.needs} of a test's own")
    print(f"{len(course.done)} faults:", "nothing found" if good else "FOUND SOMETHING")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
