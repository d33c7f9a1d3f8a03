"""Which sessions are requested, and what ended one."""

from uuid import UUID

import pytest

from satmint.model.claims import Kind
from satmint.model.session_filter import (
    EXPIRED,
    REVOKED,
    SessionEnd,
    SessionFilter,
    SessionStatus,
)

FILTER = SessionFilter(kind=Kind.EMBED, subscriber=UUID(int=1), since=7, bound=True, jkt="k")


def test_filter_that_names_nothing_matches_any_session() -> None:
    assert SessionFilter() == SessionFilter(None, None, None, None, None, None, None)


@pytest.mark.parametrize("state", [None, SessionStatus.ACTIVE])
def test_active_ones_of_a_filter_are_those_that_it_requests(state: SessionStatus | None) -> None:
    wanted = SessionFilter(state, FILTER.kind, FILTER.subscriber, 7, True, "k", "192.0.2.7")
    assert wanted.active() == SessionFilter(
        SessionStatus.ACTIVE, FILTER.kind, FILTER.subscriber, 7, True, "k", "192.0.2.7"
    )


@pytest.mark.parametrize("state", [SessionStatus.REVOKED, SessionStatus.EXPIRED])
def test_ended_ones_are_not_active(state: SessionStatus) -> None:
    assert SessionFilter(state).active() is None


@pytest.mark.parametrize(
    ("by", "status"),
    [
        (EXPIRED, SessionStatus.EXPIRED),
        (REVOKED, SessionStatus.REVOKED),
        ("subscriber_revoked", SessionStatus.REVOKED),
    ],
)
def test_session_that_nothing_ended_but_time_has_expired(by: str, status: SessionStatus) -> None:
    end = SessionEnd(by, 7)
    assert end.status is status
    assert (end.cause, end.address) == ("", None)
