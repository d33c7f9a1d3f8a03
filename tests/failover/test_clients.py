"""What a failover may cost a client, and what it may not."""

from collections import Counter
from typing import Any
from uuid import UUID

from tests.failover.clients import Client, Log, check_clients
from tests.failover.course import Failover, table_of

SESSION = UUID(int=1)


def client(told: list[int]) -> Client:
    made = Client.__new__(Client)
    made.session, made.told = SESSION, told
    return made


def found(told: list[int], head: int | None, *answers: str) -> list[str]:
    log = Log(refused=[(0.0, answer) for answer in answers])
    return check_clients([client(told)], log, {} if head is None else {SESSION: head})


def test_a_client_may_be_refused_for_a_time_and_may_be_cut_off() -> None:
    assert found([1, 2, 3], 3, "503", "connection lost", "no answer in time") == []


def test_what_is_lost_doubled_or_left_out_is_found() -> None:
    assert found([1, 2, 3], 2)  # an acknowledged rotation is not there
    assert found([1, 2, 3], 4)  # a rotation that nobody was told of
    assert found([1, 2, 3], None)  # the session is not there
    assert found([1, 2, 2], 2)
    assert found([1, 3], 3)
    assert found([], None)


def test_another_answer_than_the_contracts_is_found() -> None:
    assert found([1], 1, "500", "500", "422") == ["2 clients got 500", "1 clients got 422"]


def test_the_gap_is_the_longest_time_without_tokens() -> None:
    log = Log(granted=[1.0, 2.0, 7.0, 7.5], waits=[(1.0, 2.0), (2.0, 7.0)])
    assert log.longest_gap(0.0, 8.0) == 5.0
    assert log.longest_gap(0.0, 20.0) == 12.5
    assert log.longest_wait(0.0, 8.0) == 5.0
    assert log.longest_wait(0.0, 3.0) == 1.0


def test_the_table_has_a_row_for_each_fault() -> None:
    def failover(fault: str, gap: float, **more: Any) -> Failover:  # noqa: ANN401 - passed on
        usual = {"former": "db1", "primary": "db2", "wait": gap, "gap_of_return": 0.1}
        return Failover(fault, gap=gap, rejoined=4.0, answers=Counter(), **{**usual, **more})

    done = [failover("death", 10.0), failover("death", 12.0, wait=13.0), failover("frost", 9.0)]
    assert table_of(done)[2:] == [
        "| death | 2 | 11.0 s | 12.0 s | 13.0 s | 4.0 s |",
        "| frost | 1 | 9.0 s | 9.0 s | 9.0 s | 4.0 s |",
    ]
