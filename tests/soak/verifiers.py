"""Services that verify SATs by kept answers: further observers of what a server acknowledges.

Each is a process with the SDK's verifier, which listens to one of the servers through a relay that
is cut, or holds back everything, again and again. Plays show each of them a SAT before the session
ends, so that they keep an answer, and once more a second or so after the end was acknowledged.
"""

import asyncio
import json
import random
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from tests.kit.dev import clean_environment
from tests.sdk.environment import sdk_python
from tests.soak.callers import Caller, Held, Yard
from tests.soak.history import FOREVER, Answer, Deed, Operation
from tests.soak.ledgers import unix_seconds
from tests.soak.rules import BELIEVED_SECONDS, SECOND
from tests.soak.spans import Span
from tests.soak.waiting import let_pass

_SCRIPT: Final = Path(__file__).parent / "scripts" / "verifier.py"
_LATER: Final = (BELIEVED_SECONDS, 2.5)
"""Seconds after the acknowledged end at which a token is shown once more."""
_AT_ONCE: Final = 0.15
"""So many are shown within the first second, too, so that refusals are kept."""
_BETWEEN_CUTS: Final = (0.5, 3.0)
_SILENT: Final = 0.1
"""So many of the cuts are silent: the connection stays, and nothing arrives."""
_SILENT_SECONDS: Final = (1.0, 14.0)
_FOLLOW_SECONDS: Final = 0.1
_ANSWER_SECONDS: Final = 60.0
_MOST_REFRESHES: Final = 3


class VerifierProcess:
    """A service with a verifier."""

    def __init__(self, name: str, yard: Yard, server: int) -> None:
        """Prepare one that listens to the server with this number."""
        self.name = name
        self._yard = yard
        self._server = server
        self._process: asyncio.subprocess.Process | None = None
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Verify while the context lasts."""
        authorization = self._yard.deployment.authorization.removeprefix("Basic ")
        project, _, api_token = b64decode(authorization).decode().partition(":")
        self._process = await asyncio.create_subprocess_exec(
            sdk_python(),
            _SCRIPT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=clean_environment(OBSERVED_PROJECT=project, OBSERVED_API_TOKEN=api_token),
        )
        tasks = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._follow())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            self._process.kill()
            await self._process.wait()

    async def verify(self, held: Held) -> Answer:
        """Have it verify a SAT, and write down what it said."""
        told = await self._ask({"token": held.token})
        answer = Answer(told["answer"])
        ended = FOREVER if answer is Answer.UNKNOWN else told["ended"]
        self._yard.recorder.write(
            Operation(
                Deed.VERIFY,
                held.session,
                told["began"],
                ended,
                answer,
                held.generation,
                remark=self.name,
            )
        )
        return answer

    async def state(self) -> dict[str, Any]:
        """What it says of itself."""
        told = await self._ask({"do": "state"}, 0)
        return dict(told["state"])

    def tell(self, message: dict[str, Any]) -> None:
        """Tell it something."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _ask(self, message: dict[str, Any], number: int | None = None) -> dict[str, Any]:
        if number is None:
            self._number += 1
            number = self._number
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        self.tell({**message, "id": number})
        async with asyncio.timeout(_ANSWER_SECONDS):
            told: dict[str, Any] = await answer
        return told

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            told = json.loads(line)
            answer = self._asked.pop(told["id"])
            if not answer.done():
                answer.set_result(told)

    async def _follow(self) -> None:
        """Tell it where its server listens, which is elsewhere after each start."""
        while True:
            url = self._yard.deployment.servers[self._server].url
            if url != self._url:
                self._url = url
                self.tell({"port": int(url.rpartition(":")[2])})
            await let_pass(_FOLLOW_SECONDS)

    async def be_cut(self, dice: random.Random, cuts: Counter[str]) -> None:
        """Cut its connections, or hold them back, again and again."""
        while True:
            await let_pass(dice.uniform(*_BETWEEN_CUTS))
            if dice.random() < _SILENT:
                cuts["silent"] += 1
                with self._silent():
                    await let_pass(dice.uniform(*_SILENT_SECONDS))
            else:
                cuts["cut"] += 1
                self.tell({"do": "cut"})

    @contextmanager
    def _silent(self) -> Iterator[None]:
        now = self._yard.recorder.now
        spans = self._yard.rules.silences.setdefault(self.name, [])
        spans.append(Span(now(), FOREVER))
        self.tell({"do": "hold"})
        try:
            yield
        finally:
            # What was held back is older than it looks: it must not be taken for news.
            self.tell({"do": "cut"})
            self.tell({"do": "release"})
            spans[-1] = Span(spans[-1].earliest, now())


class Verifiers:
    """All verifiers of a deployment, and what came of asking them."""

    def __init__(self, yard: Yard, seed: int, per_server: int) -> None:
        count = len(yard.deployment.servers) * per_server
        self._yard = yard
        self._seed = seed
        self.processes = [
            VerifierProcess(f"verifier {number}", yard, number % len(yard.deployment.servers))
            for number in range(count)
        ]
        self.cuts: Counter[str] = Counter()
        self.tries: Counter[Answer] = Counter()
        """What they said a second and more after an acknowledged end."""
        self.late = 0
        """Tries that were believed, although the feed was not silent."""
        self.kept: Counter[Answer] = Counter()
        """What they said before the end."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Verify, and be cut, while the context lasts."""
        async with AsyncExitStack() as stack:
            for one in self.processes:
                await stack.enter_async_context(one.running())
            for number, one in enumerate(self.processes):
                task = asyncio.ensure_future(
                    one.be_cut(random.Random(self._seed + number), self.cuts)
                )
                stack.callback(task.cancel)
            yield

    @property
    def summary(self) -> str:
        """For people."""
        tried = sum(self.tries.values())
        cuts = ", ".join(f"{what} {count}" for what, count in sorted(self.cuts.items()))
        return (
            f"verifiers: {tried:,} tries a second and more after an end, of which"
            f" {self.tries[Answer.REFUSED]:,} were refused, {self.tries[Answer.UNKNOWN]:,} could"
            f" not be answered, and {self.tries[Answer.GRANTED]:,} were believed,"
            f" {self.late:,} of them although nothing was silent; feeds: {cuts}"
        )


class VerifierPlay:
    """One session after the other: shown to all verifiers, ended, and shown to them again."""

    def __init__(self, yard: Yard, verifiers: Verifiers) -> None:
        self._yard = yard
        self._verifiers = verifiers
        self._caller = Caller(yard)

    async def run(self) -> None:
        """Play until the soak stops."""
        try:
            while not self._yard.stopping:
                await self._life()
        finally:
            self._caller.close()

    async def _life(self) -> None:
        yard, dice = self._yard, self._yard.dice
        began, name = unix_seconds(), yard.name()
        first = await self._caller.sign_in(name)
        if first is None:
            return
        yard.signed_in_as[first.session] = name
        yard.under_way[first.session] = began
        line = [first]
        for _ in range(dice.randint(0, _MOST_REFRESHES)):
            held = await self._refreshed(line[-1])
            if held is None:
                break
            line.append(held)
        shown = dice.choice(line)
        processes = self._verifiers.processes
        self._verifiers.kept.update(await asyncio.gather(*(one.verify(shown) for one in processes)))
        if await self._end(line):
            acknowledged = yard.recorder.now()
            await asyncio.gather(*(self._try(one, shown, acknowledged) for one in processes))
        else:
            yard.signed_in_as.pop(first.session)  # it may end yet, with another session
        yard.over.append(first.session)

    async def _refreshed(self, held: Held) -> Held | None:
        while (said := await self._caller.refresh(held)) is Answer.UNKNOWN:
            pass
        return said if isinstance(said, Held) else None

    async def _end(self, line: Sequence[Held]) -> bool:
        """End the session; whether that was acknowledged."""
        if len(line) > _MOST_REFRESHES - 1:
            while (said := await self._caller.refresh(line[0])) is Answer.UNKNOWN:
                pass
            return said is Answer.REFUSED
        return await self._caller.revoke(line[-1]) is Answer.GRANTED

    async def _try(self, verifier: VerifierProcess, shown: Held, acknowledged: int) -> None:
        dice, now = self._yard.dice, self._yard.recorder.now
        if dice.random() < _AT_ONCE:
            await let_pass(dice.uniform(0, BELIEVED_SECONDS))
            await verifier.verify(shown)
        due = acknowledged + int(dice.uniform(*_LATER) * SECOND)
        while (left := (due - now()) / SECOND) > 0:
            await let_pass(left)
        began, said = now(), await verifier.verify(shown)
        self._verifiers.tries[said] += 1
        if said is Answer.GRANTED and not self._yard.rules.may_be_believed(
            verifier.name, acknowledged, began, BELIEVED_SECONDS
        ):
            self._verifiers.late += 1
