"""What is kept, for how long, and what the feed takes away: by a clock that stands still."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import dataclass
from typing import Any

import pytest

from kit.verifying import PROJECT, SUBSCRIBER, active, token_of
from satmint_sdk.testing import FakeClock, FakeEntropy
from satmint_sdk.verify import VerifiedToken
from satmint_sdk.verify._answers import (
    KEEP_SECONDS,
    MAX_REFUSED,
    MAX_REVOCATIONS,
    REFUSED_SECONDS,
    SILENCE_SECONDS,
    Answers,
)
from satmint_sdk.verify._token import Answer, NotAnAnswer, read_answer

KEY = b"k" * 32


@dataclass
class Kept:
    """Answers with a feed that is up to date."""

    clock: FakeClock
    answers: Answers

    def question(self, session: str = "s-1", **changes: Any) -> Answer:
        """An answer to a question that is sent now."""
        found = read_answer(
            active(session, **changes), self.answers.place, self.clock.now().mono + KEEP_SECONDS
        )
        assert found is not None
        return found

    def found(self, key: bytes = KEY) -> VerifiedToken | None:
        answer = self.answers.find(key, self.clock.now())
        return None if answer is None else answer.token

    def hear(self) -> None:
        self.answers.hear(self.clock.now())

    def revoke(self, identifier: str, epoch: int | None = None) -> None:
        self.answers.revoke(identifier, epoch, self.clock.now())


@pytest.fixture
def kept(clock: FakeClock) -> Kept:
    kept = Kept(clock, Answers(100, clock))
    kept.answers.begin()
    kept.hear()
    return kept


# The race


@pytest.mark.parametrize("identifier", ["s-1", SUBSCRIBER, PROJECT, "key:1"])
def test_answer_to_a_question_from_before_a_revocation_is_not_kept(
    kept: Kept, identifier: str
) -> None:
    late = kept.question()
    kept.revoke(identifier)
    assert not kept.answers.is_current(late)
    kept.answers.keep(KEY, late)
    assert kept.found() is None
    again = kept.question()
    kept.answers.keep(KEY, again)
    assert kept.found() == again.token


@pytest.mark.parametrize("identifier", ["s-1", SUBSCRIBER, PROJECT, "key:1"])
def test_revocation_takes_an_answer_away(kept: Kept, identifier: str) -> None:
    kept.answers.keep(KEY, kept.question())
    kept.revoke("another")
    assert kept.found() is not None
    kept.revoke(identifier)
    assert kept.found() is None
    kept.hear()
    assert kept.found() is None


@pytest.mark.parametrize("name", [SUBSCRIBER, PROJECT])
def test_epoch_that_the_token_has_already_is_no_reason_to_forget(kept: Kept, name: str) -> None:
    old, new = (
        kept.question(epoch=one) if name == SUBSCRIBER else kept.question(project_epoch=one)
        for one in (1, 2)
    )
    kept.revoke(name, 2)
    assert not kept.answers.is_current(old)
    assert kept.answers.is_current(new)
    kept.revoke(name, 1)  # the feed repeats, and goes backwards
    assert kept.answers.is_current(new)
    kept.revoke(name)
    assert not kept.answers.is_current(new)


def test_epoch_of_another_id_saves_no_answer(kept: Kept) -> None:
    answer = kept.question(epoch=7, project_epoch=7)
    kept.revoke("s-1", 0)
    assert not kept.answers.is_current(answer)


def test_highest_epoch_counts_whatever_comes_last(kept: Kept) -> None:
    answer = kept.question(epoch=1)
    kept.revoke(SUBSCRIBER, 2)
    kept.revoke(SUBSCRIBER, 1)
    assert not kept.answers.is_current(answer)


def test_feed_that_begins_anew_takes_everything_away(kept: Kept) -> None:
    on_its_way = kept.question()
    kept.answers.keep(KEY, kept.question())
    kept.answers.begin()
    kept.hear()
    kept.answers.keep(b"l" * 32, on_its_way)
    assert (kept.found(), kept.found(b"l" * 32)) == (None, None)
    assert not kept.answers.is_current(on_its_way)


def test_any_order_of_questions_answers_and_revocations_keeps_no_answer_from_before(
    kept: Kept,
) -> None:
    """Every answer that is found was given after all revocations of what it depends on."""
    entropy = FakeEntropy()

    def below(count: int) -> int:
        return int.from_bytes(entropy.take(2), "big") % count

    revoked = dict.fromkeys(range(5), 0)
    on_the_way: list[tuple[int, int, Answer]] = []
    for turn in range(20_000):
        number = below(5)
        match below(4):
            case 0:
                answer = kept.question(f"s-{number}", sub=f"u-{number}")
                on_the_way.append((number, revoked[number], answer))
            case 1 if on_the_way:
                number, known, answer = on_the_way.pop(below(len(on_the_way)))
                assert kept.answers.is_current(answer) is (known == revoked[number])
                kept.answers.keep(bytes([number]), answer)
            case 2 if turn % 3 == 0:
                revoked[number] += 1
                kept.revoke((f"s-{number}", f"u-{number}")[below(2)])
                assert kept.found(bytes([number])) is None
            case _:
                found = kept.found(bytes([number]))
                assert found is None or found.session == f"s-{number}"


# Time


def test_answer_is_kept_for_five_minutes_with_the_feed(kept: Kept) -> None:
    kept.answers.keep(KEY, kept.question())
    kept.clock.sleep(KEEP_SECONDS - 1)
    kept.hear()
    assert kept.found() is not None
    kept.clock.sleep(1)
    kept.hear()
    assert kept.found() is None
    assert kept.answers.counts.kept == 0


def test_silent_feed_is_not_believed(kept: Kept) -> None:
    kept.answers.keep(KEY, kept.question())
    kept.clock.sleep(SILENCE_SECONDS)
    assert kept.found() is not None
    kept.clock.sleep(0.1)
    assert kept.found() is None
    assert not kept.answers.is_believed(kept.clock.now())
    kept.hear()
    assert kept.found() is not None


def test_feed_that_is_cut_is_not_believed_until_it_is_up_to_date(kept: Kept) -> None:
    kept.answers.keep(KEY, kept.question())
    kept.answers.miss()
    assert kept.found() is None
    assert kept.answers.find_stale(KEY, kept.clock.now(), 0) is not None
    kept.revoke("s-1")
    kept.hear()
    assert kept.found() is None


def test_stale_answers_are_found_for_so_long_and_not_if_they_were_revoked(kept: Kept) -> None:
    kept.answers.keep(KEY, kept.question())
    kept.answers.miss()
    kept.clock.sleep(SILENCE_SECONDS + 30)
    assert kept.answers.find_stale(KEY, kept.clock.now(), 30) is not None
    assert kept.answers.find_stale(KEY, kept.clock.now(), 29) is None
    kept.revoke("s-1")
    assert kept.answers.find_stale(KEY, kept.clock.now(), 30) is None


def test_machine_that_slept_believes_nothing(kept: Kept) -> None:
    """The monotonic clock stands still meanwhile, and the token may have expired."""
    kept.answers.keep(KEY, kept.question())
    kept.clock.suspend(60)
    assert kept.found() is None
    assert kept.answers.find_stale(KEY, kept.clock.now(), 30) is None
    kept.hear()  # events that wait in the connection, or the feed after the cut
    assert kept.found() is None


def test_short_sleeps_add_up(kept: Kept) -> None:
    kept.answers.keep(KEY, kept.question())
    for _ in range(20):
        kept.clock.suspend(0.5)
        kept.clock.sleep(1)
        kept.hear()
    assert kept.found() is None


def test_clock_that_was_set_back_stops_nothing(kept: Kept) -> None:
    kept.clock.set_wall(-3600)
    kept.hear()
    kept.answers.keep(KEY, kept.question())
    kept.clock.sleep(3)
    kept.hear()
    assert kept.found() is not None


def test_refusal_is_kept_for_ten_seconds(kept: Kept) -> None:
    kept.answers.keep(KEY, kept.question())
    kept.answers.refuse(KEY, kept.clock.now())
    assert kept.found() is None
    assert kept.answers.is_refused(KEY, kept.clock.now())
    kept.clock.sleep(REFUSED_SECONDS)
    assert not kept.answers.is_refused(KEY, kept.clock.now())


# Bounds


def test_flood_of_invented_tokens_evicts_no_good_answer(kept: Kept) -> None:
    kept.answers.keep(KEY, kept.question())
    for number in range(3 * MAX_REFUSED):
        kept.answers.refuse(number.to_bytes(32, "big"), kept.clock.now())
        assert kept.answers.counts.refused <= MAX_REFUSED
    assert kept.found() is not None
    assert kept.answers.counts.refused >= MAX_REFUSED * 0.9


def test_least_recently_used_answer_goes_first(clock: FakeClock) -> None:
    kept = Kept(clock, Answers(1000, clock))
    kept.hear()
    keys = [number.to_bytes(32, "big") for number in range(2000)]
    for key in keys:
        kept.answers.keep(key, kept.question())
        assert kept.found(keys[0]) is not None  # in use all the time
        assert kept.answers.counts.kept <= 1000
    assert kept.found(keys[1]) is None
    assert all(kept.found(key) is not None for key in keys[-900:])


def test_single_answer_can_be_kept(clock: FakeClock) -> None:
    kept = Kept(clock, Answers(1, clock))
    kept.hear()
    for key in (b"a", b"b", b"a"):
        kept.answers.keep(key, kept.question())
        assert kept.found(key) is not None
    assert kept.answers.counts.kept == 1


def test_revocations_that_are_remembered_are_bounded(kept: Kept) -> None:
    kept.answers.keep(KEY, kept.question())
    for number in range(MAX_REVOCATIONS):
        kept.revoke(f"another-{number}")
    assert kept.found() is not None
    kept.revoke("one-more")
    assert kept.found() is None
    assert kept.question() is not None


def test_revocations_are_forgotten_when_no_answer_is_as_old(kept: Kept) -> None:
    kept.revoke("s-1")
    before = len(kept.answers._revoked)
    kept.clock.sleep(KEEP_SECONDS + 1)
    kept.revoke("s-2")
    assert (before, list(kept.answers._revoked)) == (1, ["s-2"])


def test_many_revocations_are_forgotten_at_once(kept: Kept) -> None:
    for number in range(1000):
        kept.revoke(f"another-{number}")
    kept.clock.sleep(KEEP_SECONDS)
    kept.revoke("s-1")
    assert len(kept.answers._revoked) == 1001
    kept.clock.sleep(1)
    kept.revoke("s-2")
    assert list(kept.answers._revoked) == ["s-1", "s-2"]


def test_five_thousand_answers_take_three_megabytes(clock: FakeClock) -> None:
    """Each is read from JSON of its own: nothing is shared by chance."""
    count = 5_000
    kept = Kept(clock, Answers(count, clock))
    said = [json.dumps(active(f"{one:036}", sub=f"{-one:036}")) for one in range(count)]
    tracemalloc.start()
    for number, text in enumerate(said):
        answer = read_answer(json.loads(text), kept.answers.place, clock.now().mono + 300)
        assert answer is not None
        kept.answers.keep(number.to_bytes(32, "big"), answer)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept.answers.counts.kept == count
    assert taken <= 600 * count


# What the server says


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        "active",
        {},
        active(token_type=None),
        active(depends_on=7),
        active(exp="soon"),
        active(epoch=None),
        active(project_epoch=None),
        active(depends_on=None),
        active(session_id=None),
        active(kind=None),
        active(cnf={"x5t#S256": "another binding"}),
        active(cnf=[]),
        active(allowed_addresses=7),
    ],
)
def test_what_no_satmint_says_is_no_answer(found: object) -> None:
    with pytest.raises(NotAnAnswer):
        read_answer(found, 1, 1.0)


@pytest.mark.parametrize(
    "found",
    [
        {"active": False},
        {**active(), "active": False},
        {**active(), "active": 1},
        {**active(), "active": "true"},
        active(token_type="Refresh"),
    ],
)
def test_only_an_active_sat_is_one(found: object) -> None:
    assert read_answer(found, 1, 1.0) is None


def test_everything_that_is_said_is_read() -> None:
    answer = read_answer(
        active(
            "s",
            scope="a b",
            kind="guest",
            allowed_addresses=["x", "y"],
            cnf={"jkt": "thumbprint"},
            depends_on=["s", SUBSCRIBER, PROJECT, "x", "y", "owner", "key:1"],
            epoch=3,
            project_epoch=4,
        ),
        7,
        9.0,
    )
    assert answer is not None
    assert answer.token == VerifiedToken(
        subscriber=SUBSCRIBER,
        project=PROJECT,
        session="s",
        kind="guest",
        scope=frozenset({"a", "b"}),
        addresses=("x", "y"),
        expiry=1_800_003_600,
        jkt="thumbprint",
    )
    assert answer.terms.also == ("x", "y", "owner", "key:1")
    assert (answer.terms.epoch, answer.terms.project_epoch) == (3, 4)
    assert token_of(1) not in repr(answer.token)
