"""What records and requests for lists are where nothing else is said."""

from inspect import signature
from uuid import UUID

import pytest
from msgspec.structs import replace

from satmint.model.claims import Kind
from satmint.model.listing import AddressFilter, Anchor, SortBy, Window
from satmint.model.records import (
    Address,
    ApiToken,
    DeviceType,
    RegisteredDevice,
    Session,
    StoredSession,
)
from satmint.model.rotation import Head

SESSION = Session(
    id=UUID(int=1),
    project=UUID(int=2),
    subscriber=UUID(int=3),
    kind=Kind.SUBSCRIBER,
    head=Head(3, since=200, expires_at=7400, jkt="key"),
    seen_generation=-1,
    created_at=100,
    deadline=1000,
    lives_until=900,
    address="192.0.2.7",
    agent="suite/1",
)


def defaults(kind: type) -> dict[str, object]:
    """The members that may be left out."""
    members = signature(kind).parameters.values()
    return {member.name: member.default for member in members if member.default is not member.empty}


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
        (ApiToken, {"mask": None, "last_used_at": None, "unused": False}),
        (
            Address,
            {"subscriber": None, "locked": False, "cover_url": None, "preview_url": None},
        ),
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
    head = Head(generation, since=200, expires_at=7400)
    session = replace(SESSION, head=head, device_token_at=device_token_at)
    assert session.refreshed_at == expected
    assert session.used_at == (100 if expected is None else expected)


def test_session_is_active_until_it_is_revoked_or_its_last_token_has_expired() -> None:
    assert SESSION.jkt == "key"
    assert SESSION.is_active(899)
    assert not SESSION.is_active(900)
    assert not replace(SESSION, revoked_at=0).is_active(100)
    assert not replace(SESSION, revoked_at=0).is_active(900)


@pytest.mark.parametrize(
    ("seen", "seen_late", "is_seen", "is_seen_late"),
    [(2, 2, False, False), (3, 2, True, False), (2, 3, False, True), (4, 4, True, True)],
)
def test_rules_are_told_what_is_stored(
    seen: int, seen_late: int, is_seen: bool, is_seen_late: bool
) -> None:
    session = replace(
        SESSION, seen_generation=seen, seen_late_generation=seen_late, skew=7, replays=2
    )
    state = StoredSession(session, 5).state
    assert (state.seen, state.seen_late) == (is_seen, is_seen_late)
    assert (state.head, state.deadline, state.subscriber_epoch) == (SESSION.head, 1000, 5)
    assert (state.skew, state.replays, state.revoked) == (7, 2, False)
    gone = StoredSession(replace(session, revoked_at=1), None)
    assert (gone.state.revoked, gone.state.subscriber_epoch) == (True, None)
    assert (gone.measured_at, gone.project_epoch) == (None, 0)


def test_registered_device_does_not_show_its_push_token() -> None:
    ids = [UUID(int=number) for number in range(4)]
    device = RegisteredDevice(ids[0], ids[1], ids[2], ids[3], DeviceType.IOS, "push-7qz", 1)
    assert "push-7qz" not in repr(device)
