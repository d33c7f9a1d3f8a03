"""A database file that was replaced beside its log is refused; one that goes on never is.

An image is what a kill at one moment leaves: the database file, its log and `incarnation.json`.
"""

import asyncio
import json
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from satmint.flows.incarnation import IncarnationGuard
from satmint.incarnation_file import FILE_NAME, MarkFile
from satmint.model.entropy import SystemEntropy
from satmint.model.events import Origin
from satmint.model.incarnation import DatabaseCopied
from satmint.store.sqlite import SqliteStore, open_sqlite
from satmint.stores import sqlite_file
from tests.kit.clock import NOW, FrozenClock
from tests.kit.polling import wait_until
from tests.store.store_setup import Given

FILE = "satmint.db"
LOG = f"{FILE}-wal"
STEPS = ("begin", "add_mark", "adopt", "replace_mark", "checkpoint", "put")
ORIGIN = Origin(request_id="", address="", agent="")
PAGE = 4096


@dataclass
class Image:
    folder: Path
    projects: int
    """How many were committed."""

    @property
    def database(self) -> bytes:
        return (self.folder / FILE).read_bytes()

    def placed(self, target: Path, database: bytes | None = None) -> Path:
        """The files in a folder of their own, or another file beside the same log."""
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.folder, target)
        if database is not None:
            (target / FILE).write_bytes(database)
        return target / FILE


class Camera:
    """Takes images of a folder in which a database is in use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "live"
        self.folder.mkdir()
        self.images: list[Image] = []
        self.projects = 0

    async def take(self) -> Image:
        folder = self.folder.with_name(f"image-{len(self.images)}")
        folder.mkdir()
        # By another process: if this one closed the file, SQLite would lose its locks.
        names = [name for name in (FILE, LOG, FILE_NAME) if (self.folder / name).exists()]
        copying = await asyncio.create_subprocess_exec("cp", *names, folder, cwd=self.folder)
        assert await copying.wait() == 0
        self.images.append(Image(folder, self.projects))
        return self.images[-1]


class Photographed:
    """A part of a guard, with an image after each of its steps."""

    def __init__(self, part: object, camera: Camera) -> None:
        self._part = part
        self._camera = camera

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of the part
        found = getattr(self._part, name)
        if name not in STEPS:
            return found

        async def step(*arguments: object) -> object:
            result = await found(*arguments)
            await self._camera.take()
            return result

        return step


class Process:
    """A server or a command on the live database."""

    def __init__(self, store: SqliteStore, guard: IncarnationGuard, camera: Camera) -> None:
        self.store = store
        self.guard = guard
        self._camera = camera
        self._given = Given(store, seed=str(len(camera.images)))

    async def write(self) -> None:
        await self._given.project()
        self._camera.projects += 1
        await self._camera.take()


@asynccontextmanager
async def running(camera: Camera) -> AsyncIterator[Process]:
    path = camera.folder / FILE
    store = await open_sqlite(sqlite_file(f"sqlite:///{path}"), NOW)
    try:
        marks: Any = Photographed(MarkFile(path.with_name(FILE_NAME), FILE, required=True), camera)
        incarnation: Any = Photographed(store.incarnation, camera)
        guard = IncarnationGuard(
            incarnation, marks, FrozenClock(), SystemEntropy(), requires_mark=True
        )
        yield Process(store, guard, camera)
    finally:
        await store.close()


async def start(database: Path) -> int:
    """Start on a database as a server does; return the number of its projects.

    Raises:
        DatabaseCopied: it is refused.
    """
    store = await open_sqlite(sqlite_file(f"sqlite:///{database}"), NOW)
    try:
        marks = MarkFile(database.with_name(FILE_NAME), FILE, required=True)
        guard = IncarnationGuard(
            store.incarnation, marks, FrozenClock(), SystemEntropy(), requires_mark=True
        )
        await guard.start()
        return len(await store.incarnation.projects())
    finally:
        await store.close()


def integrity(database: Path) -> str:
    with closing(sqlite3.connect(database)) as db:
        found: str = db.execute("PRAGMA integrity_check").fetchone()[0]
    return found


async def lived(camera: Camera) -> None:
    """The life of a database, with everything that a server and its operator do to it."""
    async with running(camera) as one:
        await one.write()  # as an earlier version may have done, before there were marks
        await one.guard.start()
        await one.write()
        async with running(camera) as two:
            await two.guard.start()
            await two.write()
            await one.guard.check()
            with closing(sqlite3.connect(camera.folder / FILE)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM projects").fetchone()
                for process in (one, two, one):  # none of it can be written to the file
                    await process.write()
                    await process.guard.check()
            await one.write()
            await two.guard.check()
            await two.write()
            await two.guard.stop()
        await one.write()
        await one.guard.stop()
    await camera.take()
    async with running(camera) as one:
        await one.guard.start()
        await one.write()
        async with running(camera) as command:
            await command.write()
            await command.guard.record_changes()
            await command.guard.adopt(ORIGIN)
        with pytest.raises(DatabaseCopied):
            await one.guard.check()
    async with running(camera) as one:
        await one.guard.start()
        await one.write()
        await one.guard.check()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    camera = Camera(tmp_path_factory.mktemp("life"))
    asyncio.run(lived(camera))
    return camera.images


async def test_kill_at_any_moment_leaves_a_database_that_goes_on(
    images: list[Image], tmp_path: Path
) -> None:
    assert len(images) > 40
    for image in images:
        database = image.placed(tmp_path / "placed")
        if (image.folder / FILE_NAME).exists():
            assert await start(database) == image.projects


def has_every_version(image: Image) -> bool:
    """False before the first checkpoint of an incarnation: then every file is accepted."""
    marks = image.folder / FILE_NAME
    return marks.exists() and all(
        database["user_versions"] for database in json.loads(marks.read_text())["databases"]
    )


async def test_older_file_beside_a_newer_log_is_refused_or_right(
    images: list[Image], tmp_path: Path
) -> None:
    dice, refused = random.Random(13), 0
    marked = [at for at, image in enumerate(images) if has_every_version(image)]
    assert len(marked) > 30
    for _ in range(100):
        newer = dice.choice(marked)
        older = dice.choice([at for at in marked if at <= newer])
        image = images[newer]
        database = image.placed(tmp_path / "placed", images[older].database)
        before = database.read_bytes()
        try:
            projects = await start(database)
        except DatabaseCopied as copied:
            refused += 1
            if "is the log of the file that it has replaced" in str(copied):
                assert database.read_bytes() == before
        else:
            assert projects == image.projects, (older, newer)
            assert integrity(database) == "ok"
    assert refused > 30


async def test_kill_within_a_checkpoint_leaves_a_database_that_goes_on(tmp_path: Path) -> None:
    camera = Camera(tmp_path)
    async with running(camera) as one:
        await one.guard.start()
        for _ in range(30):
            await one.write()
        before = await camera.take()
        await one.store.incarnation.checkpoint()
        after = await camera.take()
    assert before.database != after.database
    dice = random.Random(13)
    for _ in range(25):
        mixed = bytearray(before.database)
        mixed.extend(bytes(len(after.database) - len(mixed)))
        for at in range(0, len(after.database), PAGE):
            if dice.random() < 0.5:
                mixed[at : at + PAGE] = after.database[at : at + PAGE]
        # The pages at the end may not have been written.
        end = dice.choice([len(before.database), len(after.database)])
        database = before.placed(tmp_path / "placed", bytes(mixed[:end]))
        assert await start(database) == before.projects


def write_anew(database: Path) -> None:
    """As `sqlite3 satmint.db .dump | sqlite3 new.db`: without the header's `user_version`."""
    new = database.with_name("new.db")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(new)) as target:
        target.executescript("\n".join(source.iterdump()))
    new.replace(database)


async def test_database_that_another_program_has_written_anew_goes_on(tmp_path: Path) -> None:
    camera = Camera(tmp_path)
    async with running(camera) as one:
        await one.guard.start()
        await one.write()
        await one.guard.stop()
    write_anew(camera.folder / FILE)
    taken = len(camera.images)
    async with running(camera) as one:
        await one.guard.start()
    for image in camera.images[taken:]:
        assert await start(image.placed(tmp_path / "placed")) == camera.projects


def count_of_lines(outputs: Sequence[Path]) -> int:
    return sum(output.read_bytes().count(b"\n") for output in outputs)


def kill_two_writers(path: Path, most: int) -> int:
    """Two processes write until they are killed, after at least `most` commits; their number."""
    outputs = [path.with_name("one"), path.with_name("two")]
    command = [sys.executable, "-m", "tests.faults.mark_writer", str(path)]
    writers = []
    for output in outputs:
        with output.open("wb") as stream:
            writers.append(subprocess.Popen(command, stdout=stream))
    try:
        wait_until(lambda: count_of_lines(outputs) >= most, 60)
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    return count_of_lines(outputs)


def test_killed_processes_leave_a_database_that_goes_on(tmp_path: Path) -> None:
    dice, path, projects = random.Random(), tmp_path / FILE, 0
    for _ in range(3):
        projects += kill_two_writers(path, dice.randrange(1, 40))
        found = asyncio.run(start(path))
        # Each of the two may have committed one that it did not print.
        assert projects <= found <= projects + 2
        projects = found
