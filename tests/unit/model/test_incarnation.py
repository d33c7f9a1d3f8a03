"""The rules by which a copy of a database is told from the database itself."""

from hashlib import sha256
from uuid import UUID

import msgspec
import pytest

from satmint.model.incarnation import (
    BACKUP,
    Copy,
    Found,
    Incarnation,
    Mark,
    StoredMark,
    recognise_copy,
)

HERE = "cluster/1/2"
CURRENT = Incarnation(UUID(int=1), 1, 100, HERE)
MARK = Mark(UUID(int=2), CURRENT.id, b"latest", 200)


def stored(latest: bytes, previous: bytes) -> StoredMark:
    return StoredMark(sha256(latest).digest(), sha256(previous).digest())


def found(**changes: object) -> Found:
    members = {
        "incarnation": CURRENT,
        "location": HERE,
        "empty": False,
        "mark": MARK,
        "stored": stored(b"latest", b"earlier"),
        "replaces_another": True,
        **changes,
    }
    return Found(**members)  # type: ignore[arg-type]


CASES: dict[str, tuple[dict[str, object], Copy | None]] = {
    "it goes on": ({}, None),
    "a crash kept the new secret from the file": ({"stored": stored(b"new", b"latest")}, None),
    "a copy from before": ({"stored": stored(b"earlier", b"first")}, Copy.OLDER),
    "a copy that went on elsewhere": ({"stored": stored(b"other", b"earlier")}, Copy.OLDER),
    "a copy from before this machine": ({"stored": None}, Copy.OLDER),
    "pg_dump": ({"location": "cluster/1/3"}, Copy.ELSEWHERE),
    "pg_dump on another machine": ({"location": "x/1/2", "mark": None}, Copy.ELSEWHERE),
    "an older pg_dump": ({"location": "x/1/2", "stored": stored(b"a", b"b")}, Copy.OLDER),
    "db backup": ({"incarnation": msgspec.structs.replace(CURRENT, location=BACKUP)}, Copy.BACKUP),
    "a new database": ({"incarnation": None, "empty": True, "mark": None}, None),
    "an upgrade": ({"incarnation": None, "mark": None, "replaces_another": False}, None),
    "a copy from before the upgrade": ({"incarnation": None, "mark": None}, Copy.OLDER),
}


@pytest.mark.parametrize("case", CASES)
def test_copies_are_recognised_and_nothing_else_is(case: str) -> None:
    changes, expected = CASES[case]
    assert recognise_copy(found(**changes), requires_mark=True) is expected


def test_machine_without_a_mark_proves_a_copy_of_a_file_only() -> None:
    unmarked = found(mark=None, stored=None)
    assert recognise_copy(unmarked, requires_mark=True) is Copy.UNKNOWN
    assert recognise_copy(unmarked, requires_mark=False) is None


def test_mark_does_not_show_its_secret() -> None:
    assert "latest" not in repr(MARK)


def test_database_without_incarnation_is_a_copy_only_where_it_replaces_another() -> None:
    """Nobody has to say that it replaces none."""
    upgraded = Found(incarnation=None, location=HERE, empty=False, mark=None, stored=None)
    assert recognise_copy(upgraded, requires_mark=True) is None
    replacing = found(incarnation=None, mark=None, stored=None)
    assert recognise_copy(replacing, requires_mark=True) is Copy.OLDER
