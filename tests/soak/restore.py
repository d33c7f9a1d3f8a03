"""An older copy of the database is put back: does anything of before work, is anybody locked out?

While the load goes on, a copy is made, and an API token is deleted that the copy still has. Later
all servers stop, and the copy is put in the place of the database: no server may start on it.
After `satmint db restore`, or `satmint db adopt` on PostgreSQL, everybody signs in again.
"""

import asyncio
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.kit.postgres import PostgresServer
from tests.soak.callers import Caller, Held, Yard
from tests.soak.deployment import MAIN
from tests.soak.history import Answer
from tests.soak.history_checker import Violation
from tests.soak.tenants import Tenant

_DELETED: Final = "deleted after the copy"
_TOKENS: Final = "/api/project/tokens"
_SHOWN: Final = 200
"""Pairs of before that are shown again."""
_SIGN_INS: Final = 50


class RestoreViolation(StrEnum):
    """What can be wrong with a restore."""

    STARTED = "a server started on an older copy"
    NOT_ADOPTED = "the command failed"
    REVIVED = "a token of before works"
    LOCKED_OUT = "somebody cannot sign in again, or cannot use what that gave"
    UNLISTED = "an API token came back, and was not listed"
    NOTHING_SHOWN = "nothing of before was tried"


@dataclass(slots=True)
class RestoreReport:
    """What was seen."""

    refusal: str = ""
    """What the server said that did not start; "" if it started."""
    failure: str = ""
    """What the command said if it failed."""
    shown: list[tuple[Held, str, Answer]] = field(default_factory=list)
    """Pairs of before, what was asked with them, and the answer."""
    signed_in: list[tuple[str, Answer]] = field(default_factory=list)
    """By reference: whether a new session can be opened, refreshed and used."""
    came_back: frozenset[str] = frozenset()
    """Names of the API tokens that the copy has."""
    listed: frozenset[str] = frozenset()
    """Names that the command listed."""

    @property
    def summary(self) -> str:
        """For people."""
        shown, signed_in = Counter(self._words(self.shown)), len(self.signed_in)
        told = ", ".join(f"{what} {count}" for what, count in sorted(shown.items()))
        return f"restore: of before {told}; {signed_in} signed in again; «{self.refusal.strip()}»"

    @staticmethod
    def _words(shown: list[tuple[Held, str, Answer]]) -> Iterator[str]:
        return (f"{asked} {answer}" for _, asked, answer in shown)


def check_restore(report: RestoreReport) -> list[Violation]:
    """Everything that is wrong with a restore."""
    return [Violation(wrong, None, detail) for wrong, detail in _faults(report)]


def _faults(report: RestoreReport) -> Iterator[tuple[RestoreViolation, str]]:
    if "satmint db" not in report.refusal:
        yield RestoreViolation.STARTED, report.refusal or "it listens"
    if report.failure:
        yield RestoreViolation.NOT_ADOPTED, report.failure
        return
    for held, asked, answer in report.shown:
        if answer is not Answer.REFUSED:
            yield (
                RestoreViolation.REVIVED,
                f"{asked}: {answer}, session {held.session}, generation {held.generation}",
            )
    for reference, answer in report.signed_in:
        if answer is not Answer.GRANTED:
            yield RestoreViolation.LOCKED_OUT, f"{reference}: {answer}"
    if not report.shown or not report.signed_in:
        yield RestoreViolation.NOTHING_SHOWN, f"{len(report.shown)}, {len(report.signed_in)}"
    for name in sorted(report.came_back - report.listed):
        yield RestoreViolation.UNLISTED, name


class Restore:
    """One restore of a deployment's database."""

    def __init__(self, yard: Yard, postgres: PostgresServer | None) -> None:
        """Prepare one; `postgres` is the database's server, where it is PostgreSQL."""
        self._yard = yard
        self._deployment = yard.deployment
        self._postgres = postgres
        self._copy = self._deployment.folder / "copy"
        self._older: list[Held] = []
        self.report = RestoreReport()

    async def copy(self) -> None:
        """Copy the database under load; then delete an API token that the copy has."""
        backend = Tenant(self._yard, MAIN)
        body = {"name": _DELETED, "permissions": ["management"]}
        status, made = await backend.ask("POST", _TOKENS, body)
        assert status in (200, 201), (status, made)
        self._older = list(self._yard.recent)
        if self._postgres is None:
            await self._satmint("db", "backup", str(self._copy))
        else:
            await self._tool("pg_dump", "--format=custom", f"--file={self._copy}", self._url)
        self.report.came_back = frozenset({*self._deployment.tenants, _DELETED})
        status, told = await backend.ask("DELETE", f"{_TOKENS}/{made['id']}")
        assert status == 204, (status, told)
        backend.close()

    async def put_back(self) -> None:
        """Once all servers have stopped: the copy is in place, and no server starts on it."""
        if self._postgres is None:
            file = Path(self._url.removeprefix("sqlite:///"))
            for beside in ("-wal", "-shm"):
                file.with_name(file.name + beside).unlink(missing_ok=True)
            shutil.copy(self._copy, file)
        else:
            restoring = ("--clean", "--if-exists", f"--dbname={self._url}")
            await self._tool("pg_restore", *restoring, str(self._copy))
        starting = ("serve", "--port", "0", "--json")
        try:
            code, out, told = await asyncio.to_thread(self._deployment.command, *starting)
        except subprocess.TimeoutExpired:
            return  # it listens
        self.report.refusal = told if code == 1 else f"exit code {code}: {out}{told}"

    async def adopt(self) -> None:
        """Begin a new incarnation, as the operator's guide says."""
        adopting: tuple[str, ...] = ("db", "adopt", "--yes", "--json")
        if self._postgres is None:
            adopting = ("db", "restore", str(self._copy), "--yes", "--json")
        code, out, told = await asyncio.to_thread(self._deployment.command, *adopting)
        if code:
            self.report.failure = told
        else:
            listed = json.loads(out)["api_tokens"]
            self.report.listed = frozenset(token["name"] for token in listed)

    async def show(self) -> None:
        """Show what was given before, and sign in again."""
        caller, dice = Caller(self._yard), self._yard.dice
        given = [*self._older, *self._yard.recent]
        self._yard.recent.clear()
        references = [*self._yard.signed_in_as.values(), *self._yard.names][:_SIGN_INS]
        try:
            for held in dice.sample(given, min(_SHOWN, len(given))):
                self.report.shown.append((held, "use", await _until_answered(caller.use, held)))
                said = await _until_answered(caller.refresh, held)
                self.report.shown.append((held, "refresh", said))
            for reference in references:
                self.report.signed_in.append((reference, await _signs_in(caller, reference)))
        finally:
            caller.close()

    @property
    def _url(self) -> str:
        return self._deployment.database

    async def _satmint(self, *arguments: str) -> str:
        code, out, told = await asyncio.to_thread(self._deployment.command, *arguments)
        assert code == 0, told
        return out

    async def _tool(self, name: str, *arguments: str) -> None:
        """A program of PostgreSQL's own."""
        assert self._postgres is not None
        program = str(self._postgres.programs / name)
        await asyncio.to_thread(
            lambda: subprocess.run([program, *arguments], check=True, timeout=120)
        )


async def _until_answered(ask: Callable[[Held], Awaitable[Held | Answer]], held: Held) -> Answer:
    said: Held | Answer = Answer.UNKNOWN
    while said is Answer.UNKNOWN:
        said = await ask(held)
    return Answer.GRANTED if isinstance(said, Held) else said


async def _signs_in(caller: Caller, reference: str) -> Answer:
    """Whether a new session is opened, refreshed and used."""
    held = None
    while held is None:
        held = await caller.sign_in(reference)
    for ask in (caller.refresh, caller.use):
        said = await _until_answered(ask, held)
        if said is not Answer.GRANTED:
            return said
    return Answer.GRANTED
