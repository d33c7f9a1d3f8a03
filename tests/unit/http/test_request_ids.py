"""Ids of requests: the server's own, and what a caller sends."""

import pytest

from satmint.http.request_ids import RequestIds, caller_fields
from tests.kit.entropy import SeededEntropy


def test_ids_of_a_process_count_on_from_a_random_prefix() -> None:
    ids = RequestIds(SeededEntropy())
    prefix = SeededEntropy().take(6).hex()
    assert [ids.next() for _ in range(11)] == [f"{prefix}-{digit}" for digit in "123456789ab"]


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ([], {}),
        ([(b"x-request-id", b"id-7")], {"caller_request_id": "id-7"}),
        ([(b"accept", b"id-7")], {}),
        ([(b"accept", b"a"), (b"x-request-id", b"A.b_9")], {"caller_request_id": "A.b_9"}),
        ([(b"x-request-id", b"a" * 64)], {"caller_request_id": "a" * 64}),
        ([(b"x-request-id", b"a" * 65)], {}),
        ([(b"x-request-id", b"")], {}),
        ([(b"x-request-id", b"a b")], {}),
        ([(b"x-request-id", b"a\n")], {}),
        ([(b"x-request-id", b"a b"), (b"x-request-id", b"c")], {"caller_request_id": "c"}),
    ],
)
def test_id_of_a_caller_is_logged_if_it_has_the_format(
    headers: list[tuple[bytes, bytes]], fields: dict[str, str]
) -> None:
    assert caller_fields(headers) == fields
