"""Why a database cannot be used, and whether it may come back by itself."""

import pytest

from satmint.model.database_reasons import REASONS, database_reason, is_temporary

TEMPORARY = {
    "database_busy",
    "postgres_53100",
    "postgres_53200",
    "postgres_53300",
    "postgres_lost",
    "postgres_read_only",
    "postgres_timeout",
    "sqlite_busy",
    "sqlite_full",
}


@pytest.mark.parametrize("cause", sorted({*REASONS, *TEMPORARY, "postgres_99999", ""}))
def test_database_may_come_back_where_nobody_has_to_change_anything(cause: str) -> None:
    assert is_temporary(cause) is (cause in TEMPORARY)


def test_cause_without_a_sentence_is_shown_as_it_is() -> None:
    assert database_reason("postgres_lost") == "the server is unreachable"
    assert database_reason("postgres_99999") == "postgres_99999"
