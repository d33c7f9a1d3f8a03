"""Questions to the server: who waits for whose answer, and how many go together."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from kit.verifying import FakeSatmint, active, token_of, wait_until
from satmint_sdk._secrets import SecretText
from satmint_sdk.rest import SignalWireRestError, SignalWireRestTransportError
from satmint_sdk.testing import FakeClock, settle
from satmint_sdk.verify import CannotVerify
from satmint_sdk.verify._answers import Answers
from satmint_sdk.verify._questions import (
    BATCH,
    BATCH_CHARS,
    MAX_REQUESTS,
    MAX_WAITING,
    PATIENCE_SECONDS,
    SHARED_SECONDS,
    AsyncQuestions,
    SyncQuestions,
    Waiting,
    _failure,
)
from satmint_sdk.verify._token import Answer


def key_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@pytest.fixture
def client() -> FakeSatmint:
    return FakeSatmint()


@pytest.fixture
def answers(clock: FakeClock) -> Answers:
    answers = Answers(1000, clock)
    answers.begin()
    answers.hear(clock.now())
    return answers


def questions_of(client: Any, answers: Answers, clock: FakeClock) -> SyncQuestions:
    return SyncQuestions(client, answers, clock)


def test_threads_share_requests_and_answers(
    client: FakeSatmint, answers: Answers, clock: FakeClock
) -> None:
    questions = questions_of(client, answers, clock)
    tokens = [token_of(number) for number in range(60)]
    client.answers = {token: active(f"s-{token}") for token in tokens}
    gate = threading.Event()

    def gated(found: Any) -> Any:
        assert gate.wait(60)
        return found

    client.answering = gated
    with ThreadPoolExecutor(120) as pool:

        def ask(token: str) -> Future[Answer | None]:
            return pool.submit(questions.ask, key_of(token), SecretText(token))

        asked = [(token, ask(token)) for token in tokens for _ in range(2)]
        wait_until(lambda: len(client.asked) == MAX_REQUESTS)
        wait_until(
            lambda: (
                len(questions._waiting._open) == len(tokens)
                and sum(map(len, client.asked)) + len(questions._waiting._unsent) == len(tokens)
            )
        )
        gate.set()
        for token, answered in asked:
            answer = answered.result()
            assert answer is not None
            assert answer.token.session == f"s-{token}"
    assert sorted(token for batch in client.asked for token in batch) == sorted(tokens)
    assert answers.counts.kept == len(tokens)
    assert questions._waiting.requests == 0


async def test_tasks_share_requests_and_answers(answers: Answers, clock: FakeClock) -> None:
    client: Any = FakeSatmint(is_async=True)
    questions = AsyncQuestions(client, answers, clock)
    tokens = [token_of(number) for number in range(150)]
    client.answers = {token: active() for token in tokens}
    found = await asyncio.gather(
        *(questions.ask(key_of(one), SecretText(one)) for one in tokens for _ in range(3))
    )
    assert all(answer is not None for answer in found)
    assert sorted(token for batch in client.asked for token in batch) == sorted(tokens)
    assert len(client.asked) <= MAX_REQUESTS + 2


async def test_task_that_is_cancelled_takes_nothing_from_others(
    answers: Answers, clock: FakeClock
) -> None:
    client: Any = FakeSatmint(is_async=True)
    questions, gate = AsyncQuestions(client, answers, clock), asyncio.Event()
    client.answers = {token_of(1): active()}

    async def gated(found: Any) -> Any:
        await gate.wait()
        return found

    client.answering = gated
    asking = [
        asyncio.ensure_future(questions.ask(key_of(token_of(1)), SecretText(token_of(1))))
        for _ in range(3)
    ]
    await settle()
    asking[0].cancel()
    gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert isinstance(found[1], Answer)
    assert found[1] is found[2]
    assert len(client.asked) == 1


def test_question_that_was_sent_a_while_ago_is_not_waited_for(
    answers: Answers, clock: FakeClock
) -> None:
    waiting, token = Waiting(answers, clock), SecretText(token_of(1))
    first = waiting.join(b"k", token)
    clock.sleep(10)
    assert waiting.join(b"k", token) is first  # not sent yet
    waiting.take()
    clock.sleep(SHARED_SECONDS)
    assert waiting.join(b"k", token) is first
    clock.sleep(0.1)
    second = waiting.join(b"k", token)
    assert second is not first
    said: Any = {"tokens": [active()]}
    waiting.settle([first], said, None)
    assert waiting.join(b"k", token) is second


def test_requests_are_bounded_in_tokens_characters_and_number(
    answers: Answers, clock: FakeClock
) -> None:
    waiting = Waiting(answers, clock)
    for number in range(BATCH + 1):
        waiting.join(number.to_bytes(4, "big"), SecretText("x"))
    for number in range(100):
        waiting.join(b"long" + number.to_bytes(4, "big"), SecretText("x" * 8192))
    batches = [waiting.take() for _ in range(MAX_REQUESTS + 1)]
    assert len(batches[0]) == BATCH
    assert batches[-1] == ()
    for batch in batches[:-1]:
        assert batch
        assert sum(len(one.token.reveal()) for one in batch) <= BATCH_CHARS
    waiting.settle(batches[0], CannotVerify("x"), None)
    assert waiting.take()


def test_questions_that_wait_are_bounded(answers: Answers, clock: FakeClock) -> None:
    waiting = Waiting(answers, clock)
    for number in range(MAX_WAITING):
        waiting.join(number.to_bytes(4, "big"), SecretText("x"))
    with pytest.raises(CannotVerify, match="too many"):
        waiting.join(b"one more", SecretText("x"))
    assert not waiting.join((0).to_bytes(4, "big"), SecretText("x")).is_done


def test_who_has_waited_long_does_not_wait_for_another_request_without_an_answer(
    answers: Answers, clock: FakeClock
) -> None:
    waiting = Waiting(answers, clock)
    for number in range((MAX_REQUESTS + 1) * BATCH):
        waiting.join(number.to_bytes(4, "big"), SecretText("x"))
    first, second = waiting.take(), waiting.take()
    clock.sleep(PATIENCE_SECONDS)
    early = [*waiting._unsent]
    clock.sleep(1)
    late = waiting.join(b"late", SecretText("x"))
    # The server has said something: it is there.
    assert [*waiting.settle(first, _failure(refusal(503)), None)] == [*first]
    silence = _failure(SignalWireRestTransportError("no answer", "https://h/", "POST"))
    assert [*waiting.settle(second, silence, None)] == [*second, *early]
    for question in early:
        with pytest.raises(CannotVerify, match="no answer"):
            question.result()
    assert not late.is_done
    assert waiting.join(early[0].key, SecretText("x")) is not early[0]
    assert [*waiting.take()] == [late, waiting.join(early[0].key, SecretText("x"))]


async def test_tasks_that_have_waited_long_are_told_so(answers: Answers, clock: FakeClock) -> None:
    client: Any = FakeSatmint(is_async=True)
    questions, gate = AsyncQuestions(client, answers, clock), asyncio.Event()

    async def hang(_: Any) -> Any:
        await gate.wait()
        raise SignalWireRestTransportError("no answer", "https://h/", "POST")

    client.answering = hang
    tokens = [token_of(number) for number in range((MAX_REQUESTS + 2) * BATCH)]
    asking = [asyncio.ensure_future(questions.ask(key_of(one), SecretText(one))) for one in tokens]
    await settle()
    clock.sleep(PATIENCE_SECONDS + 1)
    gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(one, CannotVerify) for one in found)
    assert len(client.asked) == MAX_REQUESTS


def refusal(status: int) -> SignalWireRestError:
    return SignalWireRestError(status, {}, "https://h/", "POST")


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (refusal(401), True),
        (refusal(404), True),
        (refusal(422), True),
        (refusal(429), False),
        (refusal(500), False),
        (refusal(503), False),
        (SignalWireRestTransportError("no route", "https://h/", "POST"), False),
        (SignalWireRestTransportError("no bundle", "https://h/", "POST", permanent=True), True),
    ],
)
def test_server_that_cannot_be_asked(
    client: FakeSatmint,
    answers: Answers,
    clock: FakeClock,
    error: SignalWireRestError,
    *,
    permanent: bool,
) -> None:
    def fail(_: Any) -> Any:
        raise error

    client.answering = fail
    questions = questions_of(client, answers, clock)
    with pytest.raises(CannotVerify) as failed:
        questions.ask(b"k", SecretText(token_of(1)))
    assert failed.value.permanent is permanent
    assert answers.counts.refused == 0
    client.answering = lambda found: found
    assert questions.ask(b"k", SecretText(token_of(1))) is None  # it recovers


@pytest.mark.parametrize(
    "said",
    [{}, {"tokens": []}, {"tokens": 7}, {"tokens": [None]}, {"active": True}, {"tokens": ""}],
)
def test_answers_of_another_server_are_none(
    client: FakeSatmint, answers: Answers, clock: FakeClock, said: Any
) -> None:
    client.answering = lambda _: said
    with pytest.raises(CannotVerify, match="as satmint does") as failed:
        questions_of(client, answers, clock).ask(b"k", SecretText(token_of(1)))
    assert failed.value.permanent
    assert (answers.counts.kept, answers.counts.refused) == (0, 0)


def test_one_answer_that_is_none_is_no_fault_of_the_others(
    answers: Answers, clock: FakeClock
) -> None:
    waiting = Waiting(answers, clock)
    for name in (b"a", b"b", b"c"):
        waiting.join(name, SecretText("x"))
    batch = waiting.take()
    said: Any = {"tokens": [active(), {"active": True}, {"active": False}]}
    waiting.settle(batch, said, None)
    first, second, third = batch
    assert first.result() is not None
    with pytest.raises(CannotVerify):
        second.result()
    assert third.result() is None


def test_answer_is_kept_no_longer_than_the_token_lives_by_the_server_s_clock(
    client: FakeSatmint, answers: Answers, clock: FakeClock
) -> None:
    client.answers = {token_of(1): active(exp=int(clock.now().wall) + 100)}
    client.clock_offset = 40.0  # the server is ahead
    questions_of(client, answers, clock).ask(b"k", SecretText(token_of(1)))
    clock.sleep(59)
    answers.hear(clock.now())
    assert answers.find(b"k", clock.now()) is not None
    clock.sleep(1)
    answers.hear(clock.now())
    assert answers.find(b"k", clock.now()) is None
