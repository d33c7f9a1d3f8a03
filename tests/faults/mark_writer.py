"""Writes to an SQLite database and replaces its mark without a pause, until it is killed.

`python -m tests.faults.mark_writer FILE` prints the number of its projects after each commit.
"""

import asyncio
import sys
from pathlib import Path

from satmint.incarnation_file import file_guard
from satmint.model.clock import SystemClock
from satmint.model.entropy import SystemEntropy, random_uuid
from satmint.model.records import Project
from satmint.store.sqlite import open_sqlite
from satmint.stores import sqlite_file


async def main(database: str) -> None:
    """Write until killed."""
    clock, entropy = SystemClock(), SystemEntropy()
    path = sqlite_file(f"sqlite:///{database}")
    store = await open_sqlite(path, clock.now())
    guard = file_guard(Path(path), store.incarnation, clock, entropy, requires_mark=True)
    await guard.start()
    written = 0
    while True:
        await store.projects.create(Project(random_uuid(entropy), "acme", clock.now()))
        written += 1
        print(written, flush=True)
        await guard.check(replace=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
