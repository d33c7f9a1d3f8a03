"""Ids of audit events sort by time, then by order of making."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from satmint.gateway.client_socket import origin_of
from satmint.model.events import EventIds
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
