"""Checks the database every few seconds: whether it may be written, and what its clock says."""

import asyncio
from typing import Final

import structlog

from satmint.flows.session_queries import check_store
from satmint.model.database_reasons import database_reason
from satmint.model.refusals import StoreUnavailable
from satmint.model.reminders import Reminder
from satmint.model.shared_clock import SharedClock
from satmint.store.contract import Store

_CHECK_SECONDS: Final = 2.0
_MAX_CLOCK_DIFFERENCE_SECONDS: Final = 2.0


class UsabilityLog:
    """Logs why the database cannot be used: a change at once, a lasting cause once a minute."""

    def __init__(self, meaning: str) -> None:
        """Prepare.

        Args:
            meaning: What follows for requests.
        """
        self._meaning = meaning
        self._reminder = Reminder()
        self._log = structlog.get_logger("satmint.database")

    @property
    def cause(self) -> str:
        """The cause that was noted last; "" if the database can be used."""
        return self._reminder.cause

    def note(self, cause: str) -> None:
        """Note why the database cannot be used; "" if it can."""
        before = self.cause
        if self._reminder.is_due(cause, asyncio.get_running_loop().time()):
            self._log.error(
                "database_unusable",
                cause=cause,
                reason=database_reason(cause),
                meaning=self._meaning,
            )
        elif before and not cause:
            self._log.info("database_usable")


class StoreWatch:
    """What the last check of the database has found."""

    def __init__(self, store: Store, clock: SharedClock | None) -> None:
        """Prepare.

        Args:
            store: The store. Each check makes it refuse or accept writes; see `Store.ready`.
            clock: Follows the database's clock. None: the time is the machine's.
        """
        self.clock_difference = 0.0
        """Seconds that this machine's clock is ahead of the database's."""
        self._store = store
        self._clock = clock
        self._usability = UsabilityLog("requests that write are answered with 503")
        self._log = structlog.get_logger("satmint.database")

    @property
    def cause(self) -> str:
        """Why requests that write are refused; "" if they are not."""
        return self._usability.cause

    @property
    def clock_differs(self) -> bool:
        """Whether the clocks differ by more than an operator should accept."""
        return abs(self.clock_difference) > _MAX_CLOCK_DIFFERENCE_SECONDS

    async def run(self) -> None:
        """Check, until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Check once, and log what has changed."""
        time = asyncio.get_running_loop().time
        before = time()
        try:
            database_time = await check_store(self._store)
        except StoreUnavailable as error:
            self._usability.note(error.cause)
            return
        self._usability.note("")
        if database_time is not None and self._clock is not None:
            self._note_time(self._clock.follow(database_time, time() - before))

    def _note_time(self, difference: float) -> None:
        differed = self.clock_differs
        self.clock_difference = difference
        if self.clock_differs and not differed:
            self._log.warning(
                "database_clock_differs",
                seconds=round(difference, 1),
                meaning="this machine's clock is ahead of the database's by so many seconds; the"
                " server goes by the database's",
                remedy="synchronise the clocks of both machines (NTP)",
            )
        elif differed and not self.clock_differs:
            self._log.info("database_clock_agrees")
