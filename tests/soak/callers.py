"""Hundreds of callers on shared sessions: they refresh, use, revoke, hang up and ask again.

A band is some callers that share one session. In step, they all show the same token at the same
moment, and nobody goes on before everybody has an answer: then nothing may be refused. At will,
each shows the newest token that the band has at that moment, so that one may come too late. A band
ends in peace, by a revocation in the midst of refreshes, or by a thief who shows a spent token.
Then its callers try once more, and the band begins anew with another session.
"""

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from satmint.jose.token_cipher import CannotOpen
from tests.kit.tokens import Loupe
from tests.kit.wire import ISSUE, REFRESH, Lost
from tests.soak.deployment import Deployment
from tests.soak.history import FOREVER, Answer, Deed, Operation, Recorder, Told
from tests.soak.http_connection import Line, NotReached
from tests.soak.ledgers import unix_seconds
from tests.soak.rules import Rules
from tests.soak.thefts import Theft
from tests.soak.waiting import let_pass

INFO: Final = "/api/fabric/subscriber/info"
HANG_UPS: Final = 0.01
"""So many of the refreshes are not waited for."""
USES: Final = 0.15
_RECENT: Final = 400

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Held:
    """A pair of tokens that somebody was given."""

    session: UUID
    subscriber: UUID
    generation: int
    token: str
    refresh_token: str


@dataclass(slots=True)
class Yard:
    """What all bands share."""

    deployment: Deployment
    recorder: Recorder
    loupe: Loupe
    dice: random.Random
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    over: list[UUID] = field(default_factory=list)
    """Sessions about which there is nothing more to come."""
    under_way: dict[UUID, int] = field(default_factory=dict)
    """Those that are not judged yet, and the Unix second at which their signing in began."""
    rules: Rules = field(default_factory=Rules)
    recent: deque[Held] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """Pairs that were given last, whatever became of them."""
    thefts: dict[UUID, Theft] = field(default_factory=dict)
    """By session: those that were played and are to be judged."""
    names: list[str] = field(default_factory=list)
    """Of subscribers that may sign in again: nothing of theirs is left to be judged."""
    signed_in_as: dict[UUID, str] = field(default_factory=dict)
    stopping: bool = False
    pause_seconds: float = 0.0
    """How long a caller waits after a 503."""
    dated_back: int = 0
    """The Unix second at which a server's clock was behind last, so that its rows look older."""

    def name(self) -> str:
        """One under which nobody has a session that a revocation could hit by the way."""
        return self.names.pop() if self.names else f"somebody-{next(self._numbers)}"

    def judged(self, sessions: Iterable[UUID]) -> None:
        """Let the subscribers of these sessions sign in again, and the database forget them."""
        for session in sessions:
            self.under_way.pop(session, None)
            if session in self.signed_in_as:
                self.names.append(self.signed_in_as.pop(session))


class Caller:
    """One of a band, with a connection of its own."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._line = Line()

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    async def sign_in(self, reference: str) -> Held | None:
        """A new session, or None where it is not known whether there is one."""
        began, status, body = await self._ask("POST", ISSUE, {"reference": reference})
        if status in (0, 503):
            return None
        assert status == 200, (status, body)
        claims = self._yard.loupe.sat(body["token"])
        subscriber = UUID(body["subscriber_id"])
        held = Held(claims.sid, subscriber, 0, body["token"], body["refresh_token"])
        self._yard.recent.append(held)
        told, remark = self._read(held.session, body)
        self._write(Deed.SIGN_IN, held.session, began, None, Answer.GRANTED, told, remark)
        return held

    async def refresh(self, held: Held) -> Held | Answer:
        """Another pair for this one, or what was said instead."""
        body = {"refresh_token": held.refresh_token}
        if self._yard.dice.random() < HANG_UPS:
            began = await self._send("POST", REFRESH, body)
            self._line.close()
            self._write(Deed.REFRESH, held.session, began, held, Answer.UNKNOWN)
        began, status, answer = await self._ask("POST", REFRESH, body)
        if status == 201:
            told, remark = self._read(held.session, answer)
            good = Answer.ODD if told is None else Answer.GRANTED
            self._write(Deed.REFRESH, held.session, began, held, good, told, remark)
            if told is None:
                return Answer.ODD
            pair = answer["token"], answer["refresh_token"]
            given = Held(held.session, held.subscriber, told.generation, *pair)
            self._yard.recent.append(given)
            return given
        code = answer["errors"][0]["code"] if status == 422 else ""
        said = Answer.REFUSED if code == "token_invalid" else _unknown_or_odd(status)
        self._write(Deed.REFRESH, held.session, began, held, said, None, f"{status} {answer}")
        return said

    async def use(self, held: Held) -> Answer:
        """Show the SAT."""
        began, status, answer = await self._ask("GET", INFO, None, f"Bearer {held.token}")
        if status == 200:
            said = Answer.GRANTED
        else:
            said = Answer.REFUSED if status == 401 else _unknown_or_odd(status)
        self._write(Deed.USE, held.session, began, held, said, None, f"{status} {answer}")
        return said

    async def revoke(self, held: Held) -> Answer:
        """End the session in one of three ways."""
        ways: tuple[tuple[str, str, object, int], ...] = (
            ("DELETE", f"/api/satmint/sessions/{held.session}", None, 204),
            ("DELETE", f"/api/satmint/subscribers/{held.subscriber}/sessions", None, 200),
            ("POST", "/api/satmint/tokens/revoke", {"token": held.token}, 200),
        )
        method, path, body, good = self._yard.dice.choice(ways)
        began, status, answer = await self._ask(method, path, body)
        said = Answer.GRANTED if status == good else _unknown_or_odd(status)
        self._write(Deed.REVOKE, held.session, began, None, said, None, f"{status} {answer}")
        return said

    async def _send(
        self, method: str, path: str, body: object, authorization: str | None = None
    ) -> int:
        """Send a request, as soon as there is a server; returns the moment before."""
        deployment = self._yard.deployment
        while True:
            await deployment.up.wait()
            try:
                await self._line.connect(deployment.urls, deployment.url)
            except NotReached:
                await asyncio.sleep(0)
                continue
            began = self._yard.recorder.now()
            self._line.send(method, path, body, authorization or deployment.authorization)
            return began

    async def _ask(
        self, method: str, path: str, body: object, authorization: str | None = None
    ) -> tuple[int, int, Any]:
        """When a request began, its status, and its answer; status 0 where none came."""
        began = await self._send(method, path, body, authorization)
        try:
            status, answer = await self._line.answer()
        except Lost:
            return began, 0, None
        if status == 503 and self._yard.pause_seconds:
            await let_pass(self._yard.pause_seconds)
        return began, status, answer

    def _read(self, session: UUID, answer: Any) -> tuple[Told | None, str]:  # noqa: ANN401 - JSON
        """What a pair says, or why it is none."""
        try:
            sat = self._yard.loupe.sat(answer["token"])
            again = self._yard.loupe.refresh_token(answer["refresh_token"])
        except (CannotOpen, KeyError) as error:
            return None, repr(error)
        if (sat.sid, again.sid, again.gen) != (session, session, sat.gen):
            return None, "a pair that does not belong together"
        likeness = (msgspec.json.encode(sat), msgspec.json.encode(again))
        return Told(sat.gen, likeness), ""

    def _write(
        self,
        deed: Deed,
        session: UUID,
        began: int,
        held: Held | None,
        answer: Answer,
        told: Told | None = None,
        remark: str = "",
    ) -> None:
        recorder = self._yard.recorder
        ended = FOREVER if answer is Answer.UNKNOWN else recorder.now()
        asked = None if held is None else held.generation
        remark = remark if answer is Answer.ODD else ""
        recorder.write(Operation(deed, session, began, ended, answer, asked, told, remark))


def _unknown_or_odd(status: int) -> Answer:
    return Answer.UNKNOWN if status in (0, 503) else Answer.ODD


class Band:
    """Some callers that share one session after the other."""

    def __init__(self, yard: Yard, size: int, rounds: int) -> None:
        self._yard = yard
        self._rounds = rounds
        self._callers = [Caller(yard) for _ in range(size)]
        self._newest: Held | None = None
        self._line: dict[int, Held] = {}

    async def run(self) -> None:
        """Live one life after the other until all bands stop."""
        try:
            while not self._yard.stopping:
                await self._life()
        finally:
            for caller in self._callers:
                caller.close()

    async def _life(self) -> None:
        yard, dice = self._yard, self._yard.dice
        began = unix_seconds()
        name = yard.name()
        held = await self._callers[0].sign_in(name)
        if held is None:
            return
        yard.signed_in_as[held.session] = name
        yard.under_way[held.session] = began
        self._newest, self._line = held, {0: held}
        go = self._in_step if dice.random() < 0.5 else self._at_will
        active = await go(dice.randint(1, self._rounds))
        if active:
            await dice.choice([self._peace, self._revoked, self._revoked, self._robbed])()
        yard.over.append(held.session)

    async def _in_step(self, rounds: int) -> bool:
        """Refresh all together; whether the session lives on."""
        for _ in range(rounds):
            if self._yard.stopping:
                break
            assert self._newest is not None
            answers = await self._all(self._insisting, self._newest)
            good = [answer for answer in answers if isinstance(answer, Held)]
            if len(good) < len(answers):
                return False
            self._advance(self._yard.dice.choice(good))
        return True

    async def _insisting(self, caller: Caller, held: Held) -> Held | Answer:
        """Refresh until there is an answer."""
        while True:
            said = await caller.refresh(held)
            if said is not Answer.UNKNOWN:
                if isinstance(said, Held) and self._yard.dice.random() < USES:
                    await caller.use(said)
                return said

    async def _at_will(self, rounds: int) -> bool:
        """Refresh, each whenever it likes; whether the session lives on."""

        async def one(caller: Caller, _first: Held) -> Answer | Held:
            said: Answer | Held = Answer.UNKNOWN
            for _ in range(rounds):
                if self._yard.stopping or self._newest is None:
                    break
                said = await caller.refresh(self._newest)
                if isinstance(said, Held):
                    self._advance(said)
                    if self._yard.dice.random() < USES:
                        await caller.use(said)
                elif said is not Answer.UNKNOWN:
                    break
            return said

        assert self._newest is not None
        answers = await self._all(one, self._newest)
        return not any(said in (Answer.REFUSED, Answer.ODD) for said in answers)

    async def _peace(self) -> None:
        """Go, and leave the session as it is."""

    async def _revoked(self) -> None:
        """One revokes while the others refresh; then all of them try once more."""
        assert self._newest is not None
        last = self._newest
        first, *others = self._callers

        async def revoke() -> Answer:
            return await first.revoke(last)

        racing = [caller.refresh(last) for caller in others]
        said, *answers = await asyncio.gather(revoke(), *racing)
        for answer in answers:
            if isinstance(answer, Held):
                self._advance(answer)
        if said is not Answer.GRANTED:
            # It may happen yet, and must not meet the next session of the same subscriber.
            self._yard.signed_in_as.pop(last.session)
        await self._once_more()

    async def _robbed(self) -> None:
        """A thief shows a token that was spent long ago; then all of them try once more."""
        assert self._newest is not None
        spent = [old for at, old in self._line.items() if at < self._newest.generation - 1]
        if not spent:
            return
        thief, stolen = self._callers[-1], self._yard.dice.choice(spent)
        while await thief.refresh(stolen) is Answer.UNKNOWN:
            pass
        await self._once_more()

    async def _once_more(self) -> None:
        async def both(caller: Caller, held: Held) -> None:
            await caller.refresh(held)
            await caller.use(held)

        assert self._newest is not None
        await self._all(both, self._newest)

    async def _all(self, act: Callable[[Caller, Held], Awaitable[T]], held: Held) -> list[T]:
        return list(await asyncio.gather(*(act(caller, held) for caller in self._callers)))

    def _advance(self, held: Held) -> None:
        """Make it the newest of the band, if it is."""
        assert self._newest is not None
        self._line[held.generation] = held
        if held.generation > self._newest.generation:
            self._newest = held
