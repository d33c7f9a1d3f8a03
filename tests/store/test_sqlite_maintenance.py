"""What commands read of an SQLite file while servers use it: damage, sizes, expiries."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.store.sqlite.copying import _is_storable, _shown, open_file
from satmint.store.sqlite.maintenance import check, latest_expiry, open_existing
from satmint.store.sqlite.statistics import statistics
from tests.kit.clock import NOW


def test_file_without_a_row_is_healthy_and_no_token_of_it_is_good(file: Path) -> None:
    health = check(file)
    assert (health.faults, health.pending) == ((), ())
    assert latest_expiry(file, NOW, NOW)[1] == 0
    assert latest_expiry(file, NOW, NOW)[0] <= NOW


SESSION = """
INSERT INTO sessions (project_id, session_id, project_epoch, subscriber_id, kind, generation,
                      head_since, head_expires_at, seen_generation, deadline, address, agent,
                      created_at, lives_until, first_until, revoked_at)
VALUES (x'01', x'02', 0, x'03', 'subscriber', 0, 0, 0, -1, 0, '', '', ?, ?, ?, ?)
"""


@pytest.mark.parametrize(
    ("created", "lives_until", "first_until", "revoked_at", "expected"),
    [
        # A token of a pair that was refreshed lives for two hours and five minutes at most.
        (NOW, NOW + 10**6, NOW + 10, None, (NOW + 7500, 1)),
        (NOW, NOW + 600, NOW + 10, None, (NOW + 600, 1)),
        # The first pair may have been asked for with a longer life.
        (NOW, NOW + 10**6, NOW + 9000, None, (NOW + 9000, 1)),
        (NOW, NOW + 10**6, None, None, (NOW + 10**6, 1)),
        (NOW, NOW + 1, NOW + 1, None, (NOW + 1, 1)),
        (NOW, NOW, NOW, None, (0, 0)),
        (NOW + 1, NOW + 600, NOW + 600, None, (0, 0)),
        (NOW, NOW + 600, NOW + 600, NOW, (0, 0)),
    ],
)
def test_latest_expiry_is_that_of_the_last_token_issued_by_then(
    file: Path,
    created: int,
    lives_until: int,
    first_until: int | None,
    revoked_at: int | None,
    expected: tuple[int, int],
) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute(SESSION, (created, lives_until, first_until, revoked_at))
        db.commit()
    assert latest_expiry(file, NOW, NOW) == expected


def test_what_is_opened_for_reading_writes_nothing(file: Path) -> None:
    with closing(open_existing(file)) as db, pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM projects")


def test_sizes_are_those_of_the_file_and_its_log(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("INSERT INTO projects (project_id, name, created_at) VALUES (x'01', 'a', 0)")
        db.commit()
        found = statistics(file)
        assert found.wal_bytes == file.with_name("satmint.db-wal").stat().st_size > 0
    assert found.size_bytes == file.stat().st_size
    assert (found.unused_bytes, found.oldest_event) == (0, None)
    rows = {table.name: (table.rows, table.is_exact) for table in found.tables}
    assert rows["projects"] == (1, True)
    assert rows["sessions"] == (0, True)
    assert statistics(file).wal_bytes == 0


@pytest.mark.parametrize("read", [check, statistics, lambda path: latest_expiry(path, NOW, NOW)])
def test_what_is_no_database_is_unavailable(file: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(StoreUnavailable, match="no_such_file"):
        read(file.with_name("missing.db"))
    assert not file.with_name("missing.db").exists()
    file.write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreUnavailable):
        read(file)


def test_what_is_no_database_is_not_copied(file: Path) -> None:
    file.write_bytes(b"no database at all" * 1000)
    with pytest.raises(StoreUnavailable):
        open_file(file)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (UUID(int=7).bytes, str(UUID(int=7))),
        (b"\x01\xff", "01ff"),
        (7, "7"),
        ("é\n", r"'\xe9\n'"),
        (None, "None"),
    ],
)
def test_key_of_a_row_is_shown_in_ascii(value: bytes | int | str | None, shown: str) -> None:
    assert _shown(value) == shown


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("", True), ("a", True), ("é", True), ("a\0", False), ("é\0", False), ("é\udcff", False)],
)
def test_text_that_the_other_database_stores_has_no_zero_byte_and_is_utf_8(
    text: str, verdict: bool
) -> None:
    assert _is_storable(text) is verdict
