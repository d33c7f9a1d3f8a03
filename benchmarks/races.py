"""Races: one refresh token, used on two connections at the same moment. Who wins?

A process of its own, like the load: arguments none; a `RaceJob` comes as JSON on standard input,
a `Races` goes to standard output.

Two answers with two different new tokens are a fork: a thief and the owner both go on. For satmint
the tokens are opened, because it seals one generation anew for each caller: two answers for one
generation are one winner, who was answered twice.
"""

import asyncio
import sys
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec
import uvloop

from benchmarks.load import whole_answer
from benchmarks.running import Route, WrongAnswer
from satmint.jose import TokenCipher
from satmint.keyring_file import read_keyring
from satmint.model.claims import TokenType
from satmint.model.entropy import SystemEntropy

_SHORTEST_TOKEN: Final = 40


class RaceJob(msgspec.Struct, frozen=True):
    """Races to run."""

    port: int
    authorization: str
    issue: Route
    refresh: Route
    races: int
    pairs: int
    """Pairs of connections that race side by side."""
    keyring: str | None
    """satmint's: with it, tokens are opened, and a race begins with the last one's new token."""


class Races(msgspec.Struct, frozen=True):
    """How they ended."""

    races: int
    one: int
    """One caller got a new pair, the other an error."""
    same: int
    """Both were answered, with the same new generation or the same new token."""
    double: int
    """Both were answered, with two different new ones."""
    none: int
    """Nobody was answered."""
    seconds: float

    def plus(self, other: "Races") -> "Races":
        """Both together, run side by side."""
        return Races(
            self.races + other.races,
            self.one + other.one,
            self.same + other.same,
            self.double + other.double,
            self.none + other.none,
            max(self.seconds, other.seconds),
        )


class _Caller:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, job: RaceJob, route: Route, varying: str) -> None:
        body = f"{route.before}{varying}{route.after}"
        self._writer.write(
            f"{route.method} {route.path} HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\n"
            f"Authorization: {job.authorization}\r\nContent-Type: {route.content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )

    async def token(self, route: Route) -> str | None:
        """The refresh token of the next answer, None if it is a refusal.

        Raises:
            WrongAnswer: it is neither, but trouble of the server's.
        """
        head = await self._reader.readuntil(b"\r\n\r\n")
        body = await self._reader.readexactly(whole_answer(head) - len(head))
        status = int(head[9:12])
        if status >= 500:
            raise WrongAnswer(f"a race was answered with {head.decode('latin-1')}")
        if status != route.status:
            return None
        marker = route.markers[-1].encode()
        at = body.find(marker) + len(marker)
        token = body[at : body.find(b'"', at)]
        if at < len(marker) or len(token) < _SHORTEST_TOKEN:
            raise WrongAnswer(f"a race was answered without a token: {body.decode('latin-1')}")
        return token.decode()

    def close(self) -> None:
        self._writer.close()


async def run(job: RaceJob) -> Races:
    """Run the races."""
    cipher = TokenCipher(read_keyring(Path(job.keyring)), SystemEntropy()) if job.keyring else None
    whole, rest = divmod(job.races, job.pairs)
    shares = [whole + (number < rest) for number in range(job.pairs)]
    done = await asyncio.gather(
        *(_pair(job, number, share, cipher) for number, share in enumerate(shares) if share)
    )
    total = done[0]
    for part in done[1:]:
        total = total.plus(part)
    return total


async def _pair(job: RaceJob, number: int, races: int, cipher: TokenCipher | None) -> Races:
    callers = [_Caller(*await asyncio.open_connection("127.0.0.1", job.port)) for _ in range(2)]
    one = same = double = none = 0
    token: str | None = None
    began = perf_counter()
    for _ in range(races):
        if token is None:
            token = await _signed_in(job, callers[0], f"racer-{number}")
        for caller in callers:
            caller.send(job, job.refresh, token)
        made = [await caller.token(job.refresh) for caller in callers]
        new = [text for text in made if text is not None]
        if len(new) == 1:
            one += 1
        elif not new:
            none += 1
        elif len({_identity(text, cipher) for text in new}) == 1:
            same += 1
        else:
            double += 1
        # A server that takes a race for a theft ends the session: the next race needs a new one.
        token = new[0] if new and cipher is not None else None
    for caller in callers:
        caller.close()
    return Races(races, one, same, double, none, perf_counter() - began)


async def _signed_in(job: RaceJob, caller: _Caller, reference: str) -> str:
    caller.send(job, job.issue, reference)
    token = await caller.token(job.issue)
    if token is None:
        raise WrongAnswer("a racer could not sign in")
    return token


def _identity(token: str, cipher: TokenCipher | None) -> str:
    """What two tokens have in common that are one."""
    return token if cipher is None else cipher.open(token, TokenType.REFRESH).claims.jti


def main() -> int:
    """Run the races on standard input."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=RaceJob)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            races = runner.run(run(job))
    except (WrongAnswer, OSError, asyncio.IncompleteReadError) as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(msgspec.json.encode(races))
    return 0


if __name__ == "__main__":
    sys.exit(main())
