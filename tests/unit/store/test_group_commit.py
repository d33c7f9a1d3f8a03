"""Group commit: who shares a batch, who waits, and what becomes of those who went away."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from satmint.model.refusals import StoreUnavailable
from satmint.store.group_commit import GroupCommit, Outcomes

Done = Callable[[Outcomes[str]], None]


@dataclass
class Disk:
    """Takes batches, and makes them durable when it is told to."""

    batches: list[list[str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    under_way: list[Done] = field(default_factory=list)

    def commit(self, steps: Sequence[str], done: Done) -> None:
        self.batches.append(list(steps))
        self.under_way.append(done)

    def finish(self, *outcomes: str | BaseException) -> None:
        """Call back for the batch that is under way: by default each step succeeds."""
        done = self.under_way.pop(0)
        done(outcomes or [f"{step} is durable" for step in self.batches[-1]])

    def gather(
        self, *, max_batch_size: int = 512, max_waiting: int = 20_000, max_seconds: float = 60.0
    ) -> GroupCommit[str, str]:
        return GroupCommit[str, str](
            self.commit,
            max_batch_size=max_batch_size,
            max_waiting=max_waiting,
            max_seconds=max_seconds,
            observe=self.sizes.append,
        )


async def a_turn() -> None:
    """Let the event loop go round once."""
    await asyncio.sleep(0)


async def the_next_batch() -> None:
    """Let it be gathered: for as many turns as that may take, and one more."""
    for _ in range(10):
        await a_turn()


@pytest.fixture
def disk() -> Disk:
    return Disk()


async def test_steps_of_one_turn_leave_together(disk: Disk) -> None:
    commits = disk.gather()
    futures = [commits.submit(step) for step in "abc"]
    assert disk.batches == []
    await a_turn()
    assert disk.batches == [["a", "b", "c"]]
    assert not any(future.done() for future in futures)
    disk.finish()
    assert await asyncio.gather(*futures) == ["a is durable", "b is durable", "c is durable"]
    assert disk.sizes == [3]


async def test_steps_that_come_while_a_batch_is_under_way_share_the_next(disk: Disk) -> None:
    commits = disk.gather()
    first = commits.submit("a")
    await a_turn()
    later = []
    for step in "bcd":
        later.append(commits.submit(step))
        await a_turn()
    assert disk.batches == [["a"]]
    disk.finish()
    await the_next_batch()
    assert disk.batches == [["a"], ["b", "c", "d"]]
    assert await first == "a is durable"
    assert not any(future.done() for future in later)
    disk.finish()
    assert await asyncio.gather(*later) == ["b is durable", "c is durable", "d is durable"]
    assert disk.sizes == [1, 3]


async def test_batch_is_gathered_until_it_holds_as_many_as_the_last_one_did(disk: Disk) -> None:
    commits = disk.gather()
    before = [commits.submit(step) for step in "abc"]
    await a_turn()
    early = commits.submit("d")
    disk.finish()
    await a_turn()
    await a_turn()
    assert disk.batches == [["a", "b", "c"]]
    late = [commits.submit(step) for step in "ef"]
    await a_turn()
    assert disk.batches == [["a", "b", "c"], ["d", "e", "f"]]
    disk.finish()
    assert await asyncio.gather(*before, early, *late) == [
        f"{step} is durable" for step in "abcdef"
    ]


async def test_step_that_nobody_follows_leaves_after_a_few_turns(disk: Disk) -> None:
    commits = disk.gather()
    before = [commits.submit(step) for step in "abc"]
    await a_turn()
    disk.finish()
    await asyncio.gather(*before)
    alone = commits.submit("d")
    await the_next_batch()
    assert disk.batches == [["a", "b", "c"], ["d"]]
    disk.finish()
    assert await alone == "d is durable"


async def test_lone_caller_never_waits_for_company(disk: Disk) -> None:
    commits = disk.gather()
    for step in "abc":
        future = commits.submit(step)
        await a_turn()
        assert disk.batches[-1] == [step]
        disk.finish()
        assert await future == f"{step} is durable"


async def test_no_batch_is_larger_than_the_largest_and_order_is_kept(disk: Disk) -> None:
    commits = disk.gather(max_batch_size=2)
    futures = [commits.submit(step) for step in "abcde"]
    await a_turn()
    for _ in range(3):
        disk.finish()
        await the_next_batch()
    assert disk.batches == [["a", "b"], ["c", "d"], ["e"]]
    assert [await future for future in futures] == [f"{step} is durable" for step in "abcde"]


async def test_caller_that_is_cancelled_does_not_stop_its_step_nor_the_others(disk: Disk) -> None:
    commits = disk.gather()
    gone, stays = commits.submit("a"), commits.submit("b")
    await a_turn()
    gone.cancel()
    disk.finish()
    assert disk.batches == [["a", "b"]]
    assert await stays == "b is durable"
    assert gone.cancelled()
    await commits.drained()


async def test_caller_that_is_cancelled_before_its_batch_leaves_is_carried_along(
    disk: Disk,
) -> None:
    commits = disk.gather()
    gone, stays = commits.submit("a"), commits.submit("b")
    gone.cancel()
    await a_turn()
    assert disk.batches == [["a", "b"]]
    disk.finish(ValueError("nobody hears this"), "b is durable")
    assert await stays == "b is durable"


async def test_failure_of_a_batch_reaches_everybody_in_it_and_nobody_after(disk: Disk) -> None:
    commits = disk.gather()
    lost = [commits.submit(step) for step in "ab"]
    await a_turn()
    saved = commits.submit("c")
    full = StoreUnavailable("sqlite_full")
    disk.finish(full, full)
    for future in lost:
        with pytest.raises(StoreUnavailable) as refusal:
            await future
        assert refusal.value.cause == "sqlite_full"
    await the_next_batch()
    disk.finish()
    assert await saved == "c is durable"


async def test_one_refusal_is_its_own_caller_s(disk: Disk) -> None:
    commits = disk.gather()
    refused, done = commits.submit("a"), commits.submit("b")
    await a_turn()
    disk.finish(LookupError("a"), "b is durable")
    with pytest.raises(LookupError) as refusal:
        await refused
    assert refusal.value.args == ("a",)
    assert await done == "b is durable"


async def test_queue_that_is_full_turns_away_at_once_and_takes_more_later(disk: Disk) -> None:
    commits = disk.gather(max_batch_size=2, max_waiting=3)
    futures = [commits.submit(step) for step in "abc"]
    with pytest.raises(StoreUnavailable) as refusal:
        commits.submit("d")
    assert refusal.value.cause == "write_queue_full"
    await a_turn()
    futures += [commits.submit("e"), commits.submit("f")]
    with pytest.raises(StoreUnavailable):
        commits.submit("g")
    for _ in range(3):
        disk.finish()
        await the_next_batch()
    assert await asyncio.gather(*futures) == [f"{step} is durable" for step in "abcef"]
    assert disk.batches == [["a", "b"], ["c", "e"], ["f"]]


async def test_drained_waits_for_what_is_under_way_and_for_what_waits(disk: Disk) -> None:
    commits = disk.gather()
    await commits.drained()
    first = commits.submit("a")
    await a_turn()
    second = commits.submit("b")
    drained = asyncio.ensure_future(commits.drained())
    disk.finish()
    await a_turn()
    assert not drained.done()
    disk.finish()
    await drained
    assert (await first, await second) == ("a is durable", "b is durable")


async def test_after_a_rest_it_starts_again(disk: Disk) -> None:
    commits = disk.gather()
    for step in "ab":
        future = commits.submit(step)
        await a_turn()
        disk.finish()
        assert await future == f"{step} is durable"
    assert disk.batches == [["a"], ["b"]]


async def test_outcome_that_no_future_can_carry_does_not_leave_the_others_waiting(
    disk: Disk,
) -> None:
    commits = disk.gather()
    odd, other = commits.submit("a"), commits.submit("b")
    await a_turn()
    disk.finish(StopIteration(), "b is durable")
    with pytest.raises(RuntimeError, match=r"^a step raised StopIteration$"):
        await odd
    assert await other == "b is durable"
    await commits.drained()


async def test_batch_leaves_in_the_next_turn_while_turns_are_long(disk: Disk) -> None:
    """A loop that is busy with something else makes no step wait for eight of its turns."""
    commits = disk.gather(max_seconds=0.0)
    for step in "abcd":
        commits.submit(step)
    await a_turn()
    disk.finish()
    commits.submit("e")
    await a_turn()
    assert disk.batches == [["a", "b", "c", "d"], ["e"]]


async def test_time_to_gather_ends_at_its_last_moment(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    commits = disk.gather(max_seconds=5.0)
    for step in "ab":
        commits.submit(step)
    await a_turn()
    disk.finish()
    commits.submit("c")
    now = 104.5
    await a_turn()
    assert disk.batches == [["a", "b"]]
    now = 105.0
    await a_turn()
    assert disk.batches == [["a", "b"], ["c"]]


async def test_batch_is_gathered_for_eight_turns_more_than_the_first(disk: Disk) -> None:
    commits = GroupCommit[str, str](disk.commit, max_seconds=60.0)
    for step in "ab":
        commits.submit(step)
    await a_turn()
    disk.finish()
    commits.submit("c")
    for _ in range(8):
        await a_turn()
        assert disk.batches == [["a", "b"]]
    await a_turn()
    assert disk.batches == [["a", "b"], ["c"]]


async def test_what_a_batch_is_gathered_for_shrinks_by_a_quarter_each_time(disk: Disk) -> None:
    commits = disk.gather()
    for step in "abcdefgh":
        commits.submit(step)
    await a_turn()
    disk.finish()
    commits.submit("i")
    await the_next_batch()
    disk.finish()
    for step in "jklmn":
        commits.submit(step)
    await a_turn()
    await a_turn()
    assert disk.sizes == [8, 1]
    commits.submit("o")
    await a_turn()
    assert disk.sizes == [8, 1, 6]


async def test_batch_holds_512_steps_unless_it_is_told_otherwise(disk: Disk) -> None:
    commits = GroupCommit[str, str](disk.commit)
    futures = [commits.submit("a") for _ in range(513)]
    await a_turn()
    disk.finish()
    await the_next_batch()
    disk.finish()
    assert [len(batch) for batch in disk.batches] == [512, 1]
    assert await asyncio.gather(*futures) == ["a is durable"] * 513


async def test_queue_takes_20000_steps_unless_it_is_told_otherwise(disk: Disk) -> None:
    commits = GroupCommit[str, str](disk.commit)
    for _ in range(20_000):
        commits.submit("a")
    with pytest.raises(StoreUnavailable) as refusal:
        commits.submit("a")
    assert refusal.value.cause == "write_queue_full"


async def test_commit_that_forgets_a_step_is_a_bug_that_is_told(disk: Disk) -> None:
    commits = disk.gather()
    for step in "ab":
        commits.submit(step)
    await a_turn()
    with pytest.raises(ValueError, match="shorter"):
        disk.finish("a is durable")
