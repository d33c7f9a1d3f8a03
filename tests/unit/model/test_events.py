"""Ids of audit events sort by time, then by order of making."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satmint.gateway.client_socket import origin_of
from satmint.model.events import EventIds, EventKind, first_id_at
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy


@given(st.lists(st.integers(0, 3), min_size=2, max_size=50))
def test_ids_sort_like_the_events_they_name(steps: list[int]) -> None:
    ids, now, made = EventIds(SeededEntropy()), NOW, []
    for step in steps:
        now += step
        made.append(ids.next(now))
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_id_is_a_version_7_uuid_that_begins_with_its_milliseconds() -> None:
    one = UUID(bytes=EventIds(SeededEntropy()).next(NOW))
    assert (one.version, one.variant) == (7, "specified in RFC 4122")
    assert one.bytes[:6] == (NOW * 1000).to_bytes(6, "big")


def test_two_processes_never_make_the_same_id() -> None:
    one, other = EventIds(SeededEntropy("one")), EventIds(SeededEntropy("other"))
    assert {one.next(NOW) for _ in range(100)}.isdisjoint(other.next(NOW) for _ in range(100))


def test_counter_runs_over_without_spoiling_version_or_time() -> None:
    ids = EventIds(SeededEntropy())
    ids._counter = 0xFFFFFFFE
    last, first = UUID(bytes=ids.next(NOW)), UUID(bytes=ids.next(NOW))
    assert (last.version, first.version) == (7, 7)
    assert last.bytes[:6] == first.bytes[:6] == (NOW * 1000).to_bytes(6, "big")
    assert last != first


def test_user_agent_of_an_origin_is_cut_to_200_characters() -> None:
    scope = {"client": ("192.0.2.1", 1), "headers": [(b"user-agent", b"a" * 200 + b"b")]}
    assert origin_of(scope, UUID(int=1)).agent == "a" * 200


class Ones:
    """An entropy of which each bit is set."""

    def take(self, count: int) -> bytes:
        return b"\xff" * count


def test_bits_of_an_id_are_the_time_a_counter_from_1_and_a_salt_of_42_bits() -> None:
    ids = EventIds(Ones())
    found = [int.from_bytes(ids.next(NOW), "big") for _ in range(2)]
    fixed = (NOW * 1000) << 80 | 0x7 << 76 | 0b10 << 62 | (1 << 42) - 1
    assert found == [fixed | 1 << 42, fixed | 2 << 42]
    ids._counter = 0xFFFFE
    found = [int.from_bytes(ids.next(NOW), "big") for _ in range(2)]
    assert found == [fixed | 0xFFFFF << 42, fixed | 1 << 64]


@pytest.mark.parametrize(
    ("at", "bound"),
    [
        (NOW, (NOW * 1000).to_bytes(6, "big")),
        (1, bytes([0, 0, 0, 0, 3, 0xE8])),
        (0, bytes(6)),
        (-1, bytes(6)),
        ((1 << 48) // 1000, ((1 << 48) // 1000 * 1000).to_bytes(6, "big")),
        ((1 << 48) // 1000 + 1, b"\xff" * 6),
        (1 << 62, b"\xff" * 6),
    ],
)
def test_ids_of_a_time_begin_at_its_milliseconds_within_48_bits(at: int, bound: bytes) -> None:
    assert first_id_at(at) == bound


def test_kind_of_a_later_version_is_kept_and_is_no_member() -> None:
    kind = EventKind("sessions_counted")
    assert (kind, kind.value, kind.name) == (
        "sessions_counted",
        "sessions_counted",
        "SESSIONS_COUNTED",
    )
    assert kind not in list(EventKind)
    for value in (None, 7, b"issued"):
        with pytest.raises(ValueError, match="is not a valid EventKind"):
            EventKind(value)  # type: ignore[arg-type]
