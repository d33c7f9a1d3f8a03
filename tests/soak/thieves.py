"""Thieves with a copy of a refresh token, each with a discipline, beside the rightful holder.

Both hold the first pair of a session. What the contract says of each discipline (spec 1.6,
docs/threat-model.md) is in `thefts.DETECTED`: all of them are found, but the one who shows every
generation within the replay window of the holder. A play goes on until the spent token is shown
that gives the thief away; an answer that was lost is asked for again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tests.soak.callers import Caller, Held, Yard
from tests.soak.history import Answer
from tests.soak.ledgers import unix_seconds
from tests.soak.thefts import Discipline, Theft
from tests.soak.waiting import let_pass

_BRIEFLY: Final = (0.1, 1.0)
"""Seconds between two moves of one play."""
_STEP_SECONDS: Final = 0.5
"""So soon it is noticed that the soak stops."""
_AGED_SECONDS: Final = 12.5
"""After a rotation: the new head was seen in use, and the ten seconds for a race are over."""
_MARGIN_SECONDS: Final = 1.5
"""Beyond a window: the server counts whole seconds."""


class _Broken(Exception):
    """The play ended early: the session was over, or the soak stops."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class ThiefPlay:
    """A holder and a thief, who share one session after the other."""

    def __init__(self, yard: Yard, number: int) -> None:
        """Prepare; the `number` says with which discipline they begin."""
        self._yard = yard
        self._number = number
        self._holder = Caller(yard)
        self._thief = Caller(yard)

    async def run(self) -> None:
        """Play one discipline after the other until the soak stops."""
        disciplines = list(Discipline)
        try:
            while not self._yard.stopping:
                await self._play(disciplines[self._number % len(disciplines)])
                self._number += 1
        finally:
            self._holder.close()
            self._thief.close()

    async def _play(self, discipline: Discipline) -> None:
        yard, began, name = self._yard, unix_seconds(), self._yard.name()
        first = await self._holder.sign_in(name)
        if first is None:
            return
        yard.signed_in_as[first.session] = name
        yard.under_way[first.session] = began
        try:
            last = await self._moves()[discipline](first)
        except _Broken as broken:
            last = broken.answer
        if last is not Answer.UNKNOWN:
            yard.thefts[first.session] = Theft(first.session, discipline, last)
            # Whoever comes now: both are shut out, or nobody is.
            await self._holder.use(first)
            await self._thief.use(first)
        yard.over.append(first.session)

    def _moves(self) -> dict[Discipline, Callable[[Held], Awaitable[Answer]]]:
        return {
            Discipline.FIRST: self._first,
            Discipline.FIRST_FOLLOWED: self._first_followed,
            Discipline.SECOND: self._second,
            Discipline.SECOND_LATE: self._second_late,
            Discipline.PATIENT: self._patient,
            Discipline.WITHIN: self._within,
        }

    async def _first(self, stolen: Held) -> Answer:
        """He uses only SATs that are not the head's."""
        held = stolen
        for _ in range(self._yard.dice.randint(1, 4)):
            before, held = held, await self._pair(self._thief, held)
            await self._thief.use(before)
            await self._briefly()
        await self._until_the_window_is_over()
        return await self._shown(self._holder, stolen)

    async def _first_followed(self, stolen: Held) -> Answer:
        held = stolen
        for _ in range(self._yard.dice.randint(1, 4)):
            await self._pair(self._thief, held)
            await self._briefly()
            held = await self._pair(self._holder, held)
        await self._pair(self._thief, held)
        await self._until_the_window_is_over()
        return await self._shown(self._holder, held)

    async def _second(self, stolen: Held) -> Answer:
        """Found once it is known that the new pair was used: a kill may have it forgotten."""
        held = stolen
        for _ in range(self._yard.dice.randint(1, 2)):
            spent, held = held, await self._pair(self._holder, held)
            await self._holder.use(held)
            await self._wait(min(_AGED_SECONDS, self._yard.rules.replay_seconds + _MARGIN_SECONDS))
            said = await self._answer(self._thief, spent)
            if not isinstance(said, Held):
                return said
        spent, held = held, await self._pair(self._holder, held)
        await self._holder.use(held)
        await self._until_the_window_is_over()
        return await self._shown(self._thief, spent)

    async def _second_late(self, stolen: Held) -> Answer:
        held = stolen
        for _ in range(self._yard.dice.randint(2, 4)):
            held = await self._pair(self._holder, held)
            await self._briefly()
        return await self._shown(self._thief, stolen)

    async def _patient(self, stolen: Held) -> Answer:
        await self._pair(self._holder, stolen)
        await self._until_the_window_is_over()
        return await self._shown(self._thief, stolen)

    async def _within(self, stolen: Held) -> Answer:
        """Nobody is found, and nobody is locked out; the holder signs out in the end."""
        held = stolen
        for _ in range(self._yard.dice.randint(2, 6)):
            callers = [self._holder, self._thief]
            self._yard.dice.shuffle(callers)
            await self._pair(callers[0], held)
            await self._briefly()
            held = await self._pair(callers[1], held)
            await callers[1].use(held)
        while (said := await self._holder.revoke(held)) is Answer.UNKNOWN:
            # It may happen yet, and must not meet the next session of the same subscriber.
            self._yard.signed_in_as.pop(held.session, None)
        return said

    async def _pair(self, caller: Caller, held: Held) -> Held:
        """The next pair, however often it has to be asked for."""
        said = await self._answer(caller, held)
        if isinstance(said, Held):
            return said
        raise _Broken(said)

    async def _shown(self, caller: Caller, spent: Held) -> Answer:
        """What the token is answered with that gives the thief away."""
        said = await self._answer(caller, spent)
        return Answer.GRANTED if isinstance(said, Held) else said

    async def _answer(self, caller: Caller, held: Held) -> Held | Answer:
        said: Held | Answer = Answer.UNKNOWN
        while said is Answer.UNKNOWN:
            said = await caller.refresh(held)
        return said

    async def _until_the_window_is_over(self) -> None:
        rules = self._yard.rules
        await self._wait(rules.replay_seconds + rules.slack + _MARGIN_SECONDS)

    async def _briefly(self) -> None:
        await self._wait(self._yard.dice.uniform(*_BRIEFLY))

    async def _wait(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time
        end = now() + seconds
        while (left := end - now()) > 0:
            await let_pass(min(left, _STEP_SECONDS))
            if self._yard.stopping:
                raise _Broken(Answer.UNKNOWN)
