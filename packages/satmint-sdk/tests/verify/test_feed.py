"""Feeds that are cut, repeat, go backwards, come from a restored database, or say nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from kit.feed_server import FeedServer, Stream, feed_server
from kit.verifying import INACTIVE, SUBSCRIBER, active, token_of, wait_until
from satmint_sdk.testing import FakeClock, FakeEntropy
from satmint_sdk.verify import AsyncVerifier, CannotVerify, TokenRefused, VerifiedToken, Verifier
from satmint_sdk.verify._answers import Answers
from satmint_sdk.verify._feed import Feed

TOKEN, OTHER = token_of(1), token_of(2)


@dataclass
class Following:
    """A verifier, the server whose feed it follows, and the feed's connection."""

    verifier: Verifier | AsyncVerifier
    verify: Callable[[str], VerifiedToken]
    server: FeedServer
    clock: FakeClock
    stream: Stream

    @property
    def is_current(self) -> bool:
        return self.verifier.state.feed.is_current

    def is_kept(self, token: str = TOKEN) -> bool:
        """Verify it, and tell whether the server was not asked."""
        before = len(self.server.asked)
        self.verify(token)
        return len(self.server.asked) == before

    def reconnected(self) -> Stream:
        self.stream = self.server.stream()
        return self.stream


@pytest.fixture
def a_server() -> Iterator[FeedServer]:
    with feed_server() as server:
        yield server


@pytest.fixture(params=["sync", "async"])
def following(
    a_server: FeedServer, clock: FakeClock, request: pytest.FixtureRequest
) -> Iterator[Following]:
    server = a_server
    server.answers = {TOKEN: active("s-1"), OTHER: active("s-2", sub="another")}
    with contextlib.ExitStack() as stack:
        verifier: Verifier | AsyncVerifier
        if request.param == "sync":
            client = stack.enter_context(server.client())
            verifier = stack.enter_context(Verifier(client, clock=clock, entropy=FakeEntropy(0)))
            verify: Callable[[str], VerifiedToken] = verifier.verify
        else:
            runner = stack.enter_context(asyncio.Runner())
            other = server.async_client()
            stack.callback(lambda: runner.run(other.close()))
            verifying = AsyncVerifier(other, clock=clock, entropy=FakeEntropy(0))
            stack.callback(lambda: runner.run(verifying.close()))
            verifying.start()

            def verify_in_loop(token: str) -> VerifiedToken:
                return runner.run(verifying.verify(token))

            verify = verify_in_loop
            verifier = verifying
        found = Following(verifier, verify, server, clock, server.stream())
        found.stream.send("start", "c-1")
        wait_until(lambda: found.is_current, "the feed")
        assert not found.is_kept()
        assert not found.is_kept(OTHER)
        assert found.is_kept()
        yield found


def test_revocation_is_heard_of(following: Following) -> None:
    following.server.answers[TOKEN] = INACTIVE
    following.stream.send("revoked", "c-2", type="session", id="s-1", at=1)
    wait_until(lambda: following.verifier.state.feed.revocations == 1)
    with pytest.raises(TokenRefused):
        following.verify(TOKEN)
    assert following.is_kept(OTHER)


def test_older_answer_that_arrives_after_the_revocation_is_not_believed(
    following: Following,
) -> None:
    """Question sent, revocation committed, event received, and then the older answer."""
    server = following.server
    following.stream.send("revoked", "c-2", type="session", id="s-1", at=1)
    wait_until(lambda: following.verifier.state.feed.revocations == 1)
    server.gate.clear()
    server.arrived.clear()
    with ThreadPoolExecutor(1) as pool:
        verifying = pool.submit(following.verify, TOKEN)
        assert server.arrived.wait(60)  # the server has decided: active
        server.answers[TOKEN] = INACTIVE
        following.stream.send("revoked", "c-3", type="session", id="s-1", at=2)
        wait_until(lambda: following.verifier.state.feed.revocations == 2)
        server.gate.set()
        with pytest.raises(TokenRefused):
            verifying.result()
    with pytest.raises(TokenRefused):
        following.verify(TOKEN)
    assert server.asked[-2:] == [[TOKEN], [TOKEN]]


def test_answer_that_arrives_after_another_s_revocation_is_kept(following: Following) -> None:
    server = following.server
    following.stream.send("revoked", "c-2", type="session", id="s-1", at=1)
    wait_until(lambda: following.verifier.state.feed.revocations == 1)
    server.gate.clear()
    server.arrived.clear()
    with ThreadPoolExecutor(1) as pool:
        verifying = pool.submit(following.verify, TOKEN)
        assert server.arrived.wait(60)
        following.stream.send("revoked", "c-3", type="session", id="s-2", at=2)
        wait_until(lambda: following.verifier.state.feed.revocations == 2)
        server.gate.set()
        assert verifying.result().session == "s-1"
    assert following.is_kept()


def test_feed_that_is_cut_goes_on_with_its_cursor_and_is_not_believed_meanwhile(
    following: Following,
) -> None:
    following.stream.send("heartbeat", "c-2")
    # Half of a group: only its last event has a cursor.
    following.stream.send("revoked", None, type="session", id="s-1", at=1)
    following.stream.cut()
    stream = following.reconnected()
    assert stream.after == "c-2"
    assert not following.is_current
    assert not following.is_kept(OTHER)
    stream.send("resumed")
    stream.send("revoked", None, type="session", id="s-1", at=1)  # again
    wait_until(lambda: following.verifier.state.feed.revocations == 2)
    assert not following.is_current
    following.server.answers[OTHER] = INACTIVE
    stream.send("revoked", "c-3", type="session", id="s-2", at=1)
    wait_until(lambda: following.is_current)
    with pytest.raises(TokenRefused):
        following.verify(OTHER)
    state = following.verifier.state.feed
    assert (state.connections, state.resets, state.error) == (2, 0, "")


def test_kept_answers_are_believed_again_after_a_cut_without_revocations(
    following: Following,
) -> None:
    following.stream.cut()
    following.reconnected().send("resumed", "c-2")
    wait_until(lambda: following.is_current)
    assert following.is_kept()
    assert following.is_kept(OTHER)


def test_restored_database_takes_everything_away(following: Following) -> None:
    following.stream.cut()
    stream = following.reconnected()
    assert stream.after == "c-1"
    stream.send("reset", "d-1")
    wait_until(lambda: following.is_current)
    assert following.verifier.state.answers.kept == 0
    assert following.verifier.state.feed.resets == 1
    assert not following.is_kept()
    stream.cut()
    assert following.reconnected().after == "d-1"


def test_feed_that_repeats_and_goes_backwards_only_takes_away(following: Following) -> None:
    for cursor in ("c-9", "c-2", "c-1"):
        following.stream.send("revoked", cursor, type="session", id="s-1", at=1)
        following.stream.send("revoked", cursor, type="subscriber", id="another", at=1, epoch=0)
    wait_until(lambda: following.verifier.state.feed.revocations == 6)
    assert not following.is_kept()
    assert following.is_kept()
    assert following.is_kept(OTHER)  # its epoch is 0
    following.stream.cut()
    assert following.reconnected().after == "c-1"  # what was told last


def test_unknown_events_are_ignored_and_unknown_types_are_not(following: Following) -> None:
    following.stream.send("surprise", id="s-1")
    following.stream.raw(b": a comment\n\nretry: 7\n\nid: no data, no event\n\n")
    following.stream.send("revoked", "c-2", type="surprise", id="s-2", epoch=0)
    wait_until(lambda: following.verifier.state.feed.revocations == 1)
    assert following.is_kept()
    assert not following.is_kept(OTHER)


@pytest.mark.parametrize(
    "data",
    [
        b"event: revoked\ndata: nonsense\n\n",
        b"event: revoked\ndata: []\n\n",
        b'event: revoked\ndata: {"type": "session"}\n\n',
        b'event: revoked\ndata: {"type": "session", "id": 7}\n\n',
        b'event: revoked\ndata: {"type": "subscriber", "id": "x", "epoch": "1"}\n\n',
        b"event: revoked\ndata: " + b"[" * 100_000 + b"\n\n",
        b"event: revoked\ndata: " + b"x" * 300_000,
    ],
    ids=["no-json", "list", "no-id", "number", "epoch", "deep", "endless"],
)
def test_nonsense_takes_everything_away_or_is_cut(following: Following, data: bytes) -> None:
    following.stream.raw(data)
    stream = following.reconnected()
    assert stream.after == "c-1"
    assert not following.is_current
    stream.send("resumed", "c-2")
    wait_until(lambda: following.is_current)
    assert following.is_kept() is data.startswith(b"event: revoked\ndata: xx")


def test_events_come_in_any_pieces_and_with_any_line_ends(following: Following) -> None:
    text = 'event: revoked\nid: c-2\ndata: {"type": "session",\ndata: "id": "s-é"}\n\n'
    for ends in ("\n", "\r\n", "\r"):
        for octet in text.replace("\n", ends).encode():
            following.stream.raw(bytes([octet]))
    following.stream.send("heartbeat", "c-3")
    wait_until(lambda: following.verifier.state.feed.revocations == 3)
    assert following.is_kept()


def test_silent_feed_is_not_believed_and_the_server_is_asked_each_time(
    following: Following,
) -> None:
    following.clock.sleep(10.5)
    for _ in range(3):
        assert not following.is_kept()
    state = following.verifier.state.feed
    assert not state.is_current
    assert state.heard_seconds_ago == 10.5
    following.stream.send("heartbeat", "c-2")
    wait_until(lambda: following.is_current)
    assert following.is_kept()


@pytest.mark.parametrize(
    "refusal",
    [(401, b"{}"), (404, b"<html>"), (429, b"{}"), (500, b"x" * 100_000), (200, b"<html>")],
)
def test_feed_that_is_refused_is_asked_for_again_and_nothing_kept_is_believed(
    following: Following, refusal: tuple[int, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    server = following.server
    server.refused, server.refusal = 0, refusal
    caplog.set_level(logging.INFO, "satmint_sdk.verify")
    following.stream.cut()
    wait_until(lambda: server.refused, "a refusal")
    server.refusal = None
    assert not following.is_kept()
    assert following.verifier.state.feed.error
    stream = following.reconnected()
    assert stream.after == "c-1"
    stream.send("resumed", "c-2")
    wait_until(lambda: following.is_current)
    assert following.is_kept()
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    # A page of some other server ends as a stream does, which happens now and then.
    if refusal != (200, b"<html>"):
        assert {level for level, _ in told[:-1]} == {"WARNING"}
        assert told[-1] == ("INFO", "the feed of revocations is connected again")
    assert TOKEN not in caplog.text


def test_feed_that_ends_as_soon_as_it_begins_is_asked_for_more_and_more_seldom(
    following: Following,
) -> None:
    waits: list[float] = []
    ended = following.verifier._feed._ended

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return threading.Event.wait(ended, 0)

    ended.wait = wait  # type: ignore[method-assign,assignment]
    for number in range(6):
        following.stream.cut()
        following.reconnected().send("resumed", f"d-{number}")
    wait_until(lambda: following.is_current)
    assert waits[0] < 0.5
    assert all(seconds >= 0.5 for seconds in waits[1:6])


# A server that is away


@dataclass
class CutSource:
    """A feed that ends at once."""

    def run(self, after: str | None, take: object) -> None:
        """See `Source`."""

    def stop(self) -> None:
        """See `Source`."""


class FirstWait(threading.Event):
    """Ends the feed with its first pause."""

    seconds = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds = timeout
        self.set()
        return True


def test_feeds_that_were_cut_together_do_not_come_back_in_the_same_moment() -> None:
    waits = set[float]()
    for drawn in range(0, 256, 32):
        clock = FakeClock()
        feed = Feed(CutSource, Answers(1, clock), clock, FakeEntropy(drawn))
        feed._ended = first = FirstWait()
        feed._follow()
        waits.add(first.seconds)
    assert len(waits) == 8
    assert all(0.1 <= seconds <= 0.2 for seconds in waits)


def test_stale_answers_are_believed_for_so_long_while_the_server_is_away(
    a_server: FeedServer, clock: FakeClock
) -> None:
    a_server.answers = {TOKEN: active("s-1"), OTHER: INACTIVE}
    with (
        a_server.client() as client,
        Verifier(client, clock=clock, entropy=FakeEntropy(0), stale_seconds=60) as verifier,
    ):
        stream = a_server.stream()
        stream.send("start", "c-1")
        wait_until(lambda: verifier.state.feed.is_current)
        verifier.verify(TOKEN)
        a_server.answers = {key: {"what": "nonsense"} for key in (TOKEN, OTHER)}
        clock.sleep(69)
        assert verifier.verify(TOKEN).session == "s-1"
        with pytest.raises(CannotVerify):
            verifier.verify(OTHER)
        clock.sleep(2)
        with pytest.raises(CannotVerify):
            verifier.verify(TOKEN)


def test_stale_answer_that_was_revoked_is_not_believed(
    a_server: FeedServer, clock: FakeClock
) -> None:
    a_server.answers = {TOKEN: active("s-1")}
    with (
        a_server.client() as client,
        Verifier(client, clock=clock, entropy=FakeEntropy(0), stale_seconds=60) as verifier,
    ):
        stream = a_server.stream()
        stream.send("start", "c-1")
        wait_until(lambda: verifier.state.feed.is_current)
        verifier.verify(TOKEN)
        stream.send("revoked", "c-2", type="subscriber", id=SUBSCRIBER, at=1, epoch=1)
        wait_until(lambda: verifier.state.feed.revocations == 1)
        a_server.answers = {TOKEN: {"what": "nonsense"}}
        clock.sleep(11)
        with pytest.raises(CannotVerify):
            verifier.verify(TOKEN)
