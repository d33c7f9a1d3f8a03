"""Turns of the event loop that connections share."""

import asyncio
from collections.abc import Callable

from satmint.server.pipeline_queue import PipelineQueue


def record(done: list[int], number: int) -> Callable[[], None]:
    return lambda: done.append(number)


async def test_eight_pieces_of_work_are_done_in_each_turn_in_order() -> None:
    turns, done = PipelineQueue(asyncio.get_running_loop()), list[int]()
    for number in range(20):
        turns.submit(record(done, number))
    assert done == []
    for expected in (8, 16, 20, 20):
        await asyncio.sleep(0)
        assert done == list(range(expected))


async def test_work_that_comes_in_between_waits_behind_what_waits_already() -> None:
    turns, done = PipelineQueue(asyncio.get_running_loop()), list[int]()

    def again() -> None:
        done.append(-1)
        turns.submit(record(done, 99))

    for number in range(10):
        turns.submit(again if number == 0 else record(done, number))
    await asyncio.sleep(0)
    assert done == [-1, *range(1, 8)]
    await asyncio.sleep(0)
    assert done == [-1, *range(1, 10), 99]


async def test_work_may_be_given_again_after_all_was_done() -> None:
    turns, done = PipelineQueue(asyncio.get_running_loop()), list[int]()
    for number in range(3):
        turns.submit(record(done, number))
        await asyncio.sleep(0)
        assert done == list(range(number + 1))


async def test_work_that_fails_does_not_keep_the_rest_waiting() -> None:
    loop, errors, done = asyncio.get_running_loop(), list[object](), list[int]()
    loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
    turns, error = PipelineQueue(loop), RuntimeError("work failed")

    def fail() -> None:
        raise error

    turns.submit(fail)
    turns.submit(record(done, 1))
    for _ in range(3):
        await asyncio.sleep(0)
    turns.submit(record(done, 2))
    for _ in range(3):
        await asyncio.sleep(0)
    assert done == [1, 2]
    assert errors in ([], [error])


async def test_work_is_done_at_once_up_to_a_limit_in_each_turn() -> None:
    turns, done = PipelineQueue(asyncio.get_running_loop()), list[int]()
    for number in range(20):
        turns.run(record(done, number))
    assert done == list(range(8))
    for expected in (16, 20):
        await asyncio.sleep(0)
        assert done == list(range(expected))
    turns.run(record(done, 20))
    assert done == list(range(21))


async def test_work_is_not_done_before_what_waits_already() -> None:
    turns, done = PipelineQueue(asyncio.get_running_loop()), list[int]()
    turns.submit(record(done, 0))
    turns.run(record(done, 1))
    assert done == []
    await asyncio.sleep(0)
    assert done == [0, 1]
