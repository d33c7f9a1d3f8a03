"""The rules by which a copy of a database is told from the database itself."""

from hashlib import sha256
from uuid import UUID

import msgspec
import pytest

from satmint.model.incarnation import (
    BACKUP,
    COPYING,
    MOVABLE,
    SECRET_BYTES,
    Copy,
    DatabaseCopied,
    Found,
    Incarnation,
    Mark,
    StoredMark,
    complete_copy,
    copied_source,
    has_log_of_another_file,
    moved_copy,
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


def at(location: str) -> Incarnation:
    return Incarnation(UUID(int=1), 1, 100, location)


@pytest.mark.parametrize(
    ("location", "is_copying", "is_copied", "copy_id", "copy"),
    [
        (HERE, False, False, "", None),
        (BACKUP, False, False, "", None),
        ("", False, False, "", None),
        (f"{HERE} copied", False, False, "", None),
        (COPYING, True, False, "", Copy.UNFINISHED),
        (complete_copy("7f"), True, False, "7f", Copy.UNFINISHED),
        (copied_source("7f"), False, True, "7f", Copy.SUCCEEDED),
    ],
)
def test_location_says_what_a_database_is_for_a_copy(
    location: str, is_copying: bool, is_copied: bool, copy_id: str, copy: Copy | None
) -> None:
    current = at(location)
    assert (current.is_copying, current.is_copied) == (is_copying, is_copied)
    assert (current.copy_id, moved_copy(current)) == (copy_id, copy)
    if copy is not None:
        assert recognise_copy(found(incarnation=current), requires_mark=True) is copy


def test_words_of_a_copy_are_those_that_earlier_versions_wrote() -> None:
    assert (BACKUP, complete_copy("7f"), copied_source("7f")) == (
        "backup",
        "copying 7f",
        "copied 7f",
    )
    assert SECRET_BYTES == 32
    assert {Copy.ELSEWHERE, Copy.UNKNOWN} == MOVABLE


def test_mark_knows_the_next_user_version_and_keeps_its_secret() -> None:
    digest = sha256(b"next user_version" + b"latest").digest()
    assert MARK.next_user_version == int.from_bytes(digest[:4], "big") >> 1
    assert 0 <= MARK.next_user_version < 1 << 31
    assert MARK.digest == sha256(b"latest").digest()
    assert "latest" not in repr(MARK)
    fresh = Mark(UUID(int=2), CURRENT.id, b"latest")
    assert (fresh.replaced_at, fresh.user_versions, fresh.log_salt) == (0, (), None)


def test_mark_is_of_the_database_with_its_digest_before_or_after_the_last_change() -> None:
    assert MARK.is_of(stored(b"latest", b"earlier"))
    assert MARK.is_of(stored(b"next", b"latest"))
    assert not MARK.is_of(stored(b"next", b"earlier"))
    assert not MARK.is_of(None)


def marks(*versions: int, salt: int | None = 1000) -> list[Mark]:
    return [Mark(UUID(int=2), CURRENT.id, b"latest", 200, versions, salt)]


@pytest.mark.parametrize(
    ("in_file", "log_salt", "in_log", "is_foreign"),
    [
        (7, 1001, [], False),
        (MARK.next_user_version, 1001, [], False),
        (8, 1001, [], True),
        (8, 1000, [], False),
        (8, 1000 + 99_999, [], True),
        (8, 1000 + 100_000, [], False),
        (8, 999, [], False),
        (8, 999, [7], True),
        (8, 999, [MARK.next_user_version], True),
        (8, 999, [8, 9], False),
    ],
)
def test_log_of_another_file_is_one_that_this_machine_wrote(
    in_file: int, log_salt: int, in_log: list[int], is_foreign: bool
) -> None:
    assert has_log_of_another_file(marks(7), in_file, log_salt, lambda: in_log) is is_foreign


def test_log_is_of_its_file_where_a_mark_says_nothing_of_it() -> None:
    assert not has_log_of_another_file(marks(), 8, 1001, lambda: [7])
    assert not has_log_of_another_file([*marks(7), *marks()], 8, 1001, lambda: [7])
    assert not has_log_of_another_file([], 8, 1001, lambda: [8])
    assert not has_log_of_another_file(marks(7, salt=None), 8, 1001, list)
    # The salt runs over.
    assert has_log_of_another_file(marks(7, salt=2**32 - 1), 8, 0, list)


def test_refusal_says_what_was_found_and_how() -> None:
    refusal = DatabaseCopied("It is a backup.", Copy.BACKUP)
    assert (str(refusal), refusal.copy) == ("It is a backup.", Copy.BACKUP)
    assert DatabaseCopied("It has moved.").copy is None
