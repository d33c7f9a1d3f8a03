"""What records and requests for lists are where nothing else is said."""

from dataclasses import MISSING, fields
from uuid import UUID

import pytest

from satmint.model.claims import Kind
from satmint.model.listing import AddressFilter, Anchor, SortBy, Window
from satmint.model.records import Session
from satmint.model.rotation import Head


def defaults(kind: type) -> dict[str, object]:
    """The members that may be left out."""
    return {member.name: member.default for member in fields(kind) if member.default is not MISSING}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            Session,
            {
                "revoked_at": None,
                "device_token_at": None,
                "seen_late_generation": -1,  # no SAT was accepted yet
                "replays": 0,
                "skew": 0,
                "inviter": None,
                "c2c_token": None,
            },
        ),
        (
            Window,
            {"anchor": None, "sort_by": SortBy.CREATED_AT, "descending": False},
        ),
        (Anchor, {"backwards": False}),
        (
            AddressFilter,
            dict.fromkeys(("type", "name", "display_name", "subscriber", "only")),
        ),
    ],
)
def test_members_that_are_left_out_say_nothing(kind: type, expected: dict[str, object]) -> None:
    found = defaults(kind)
    assert {name: found[name] for name in expected} == expected
    # False is 0, and True is 1.
    assert {name: type(found[name]) for name in expected} == {
        name: type(value) for name, value in expected.items()
    }


@pytest.mark.parametrize(
    ("generation", "device_token_at", "expected"),
    [(0, None, None), (1, None, 200), (0, 300, 300), (1, 150, 200), (1, 300, 300)],
)
def test_session_was_refreshed_last_by_rotation_or_by_key(
    generation: int, device_token_at: int | None, expected: int | None
) -> None:
    session = Session(
        id=UUID(int=1),
        project=UUID(int=2),
        subscriber=UUID(int=3),
        kind=Kind.SUBSCRIBER,
        head=Head(generation, since=200, expires_at=7400),
        seen_generation=-1,
        created_at=100,
        deadline=1000,
        lives_until=900,
        address="192.0.2.7",
        agent="suite/1",
        device_token_at=device_token_at,
    )
    assert session.refreshed_at == expected
