"""A service with the SDK's verifier: beside the same without, and beside other ways to check.

    .venv/bin/python -m benchmarks --part verify

One FastAPI application (`peers/protected_api`), run by the environment of the SDK, answers the same
at several paths: without a check, with the verifier's dependency, with an introspection for each
request, and with PyJWT's check of an HS256 signature. Every connection has a token of its own.
Then: what a kept answer costs and takes, and how soon a verifier has caught up after its feed was
cut for a minute, while sessions were revoked.
"""

import asyncio
import hashlib
import hmac
import json
import subprocess
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import httpx
import msgspec
from tests.sdk.environment import sdk_python

from benchmarks.connection_plans import plans_for
from benchmarks.load import write_plans
from benchmarks.meter import Result
from benchmarks.processes import ROOT, clean_environment, server
from benchmarks.rounds import Contest, Effort, Say, play
from benchmarks.running import ISSUE_PATH, ConnectionPlan, Route, Running, WrongAnswer
from benchmarks.subjects import SUBJECTS
from satmint.model.clock import SystemClock

OPEN: Final = "without a check"
VERIFIED: Final = "with the verifier"
INTROSPECTED: Final = "with an introspection"
JWT: Final = "with PyJWT, HS256"
KEPT: Final = 100_000
_PATHS: Final = {OPEN: "/open", VERIFIED: "/verified", INTROSPECTED: "/introspected", JWT: "/jwt"}
_APP: Final = ROOT / "benchmarks" / "peers" / "protected_api" / "app.py"
_VERIFIER: Final = ROOT / "tests" / "soak" / "scripts" / "verifier.py"
_JWT_HEADER: Final = b'{"alg":"HS256","typ":"JWT"}'
_SECRET: Final = "a secret of the benchmark, 32 bytes"
_EFFORT: Final = Effort(5, 0.5, 2.5, rehearsal=1.0)
_QUICK: Final = Effort(2, 0.4, 1.0)
_CUT_SECONDS: Final = 60.0
_QUICK_CUT_SECONDS: Final = 5.0
_REVOKED: Final = 1_000
_PATIENCE_SECONDS: Final = 90.0
_NOBODY: Final = 1
"""A port at which nobody listens."""


class Checked(msgspec.Struct, frozen=True):
    """What one way to check tokens costs."""

    name: str
    requests_per_second: list[float]
    """Of each round."""
    of_open: list[float]
    """Those, divided by the ones without a check in the same round."""
    cpu_us: list[float]
    """CPU microseconds of the application per request in each round."""


class VerifyFigures(msgspec.Struct, frozen=True):
    """What was measured."""

    ways: list[Checked]
    kept_us: float
    """CPU microseconds of a verification with a kept answer."""
    kept: int
    kept_mb: float
    """Memory that so many kept answers take."""
    cut_seconds: float
    revoked: int
    """Sessions that were revoked meanwhile."""
    caught_up_seconds: float
    """From when the server could be reached again until kept answers were believed again."""


def measure_verifying(place: Path, connections: int, say: Say, *, quick: bool) -> VerifyFigures:
    """Measure.

    Args:
        place: A folder for what it keeps.
        connections: At a time.
        say: Shows what is under way.
        quick: Whether fewer rounds and a shorter cut are enough.

    Raises:
        WrongAnswer: an answer was not what it must be.
    """
    with SUBJECTS["sqlite"](place) as satmint:
        project, api_token = _credentials(satmint)
        rounds = _rounds(place, satmint, connections, say, quick=quick)
        with say("a verifier whose feed is cut"):
            cut = _QUICK_CUT_SECONDS if quick else _CUT_SECONDS
            catching_up = _caught_up(satmint, project, api_token, cut)
            revoked, caught_up = asyncio.run(catching_up)
    with say("kept answers"):
        kept = _kept(KEPT // 10 if quick else KEPT)
    return VerifyFigures(
        [_checked(name, rounds) for name in _PATHS],
        kept["kept_us"],
        kept["kept"],
        kept["kept_mb"],
        cut,
        revoked,
        caught_up,
    )


def _credentials(satmint: Running) -> tuple[str, str]:
    """The project and its API token."""
    user = b64decode(satmint.authorization.removeprefix("Basic ")).decode()
    project, _, api_token = user.partition(":")
    return project, api_token


def _rounds(
    place: Path, satmint: Running, connections: int, say: Say, *, quick: bool
) -> list[dict[str, Result]]:
    project, api_token = _credentials(satmint)
    environment = {
        "SIGNALWIRE_PROJECT_ID": project,
        "SIGNALWIRE_API_TOKEN": api_token,
        "SIGNALWIRE_SPACE": f"127.0.0.1:{satmint.port}",
        "NO_PROXY": "127.0.0.1",
        "JWT_SECRET": _SECRET,
    }
    own = place / "api"
    own.mkdir()
    with server([str(sdk_python()), str(_APP), "serve"], own, environment) as process:
        servers = {
            name: Running(
                f"FastAPI {name}",
                process.port,
                "",
                {"server": process.pid},
                "none",
                {"verify": Route(path, 200, holds='"subscriber"', method="GET")},
            )
            for name, path in _PATHS.items()
        }
        plans = {name: place / f"verify-{path[1:]}.plans" for name, path in _PATHS.items()}
        sats = plans_for(satmint, "info", connections, 0)
        for name, file in plans.items():
            write_plans(_jwts(connections) if name == JWT else sats, file)
        contest = Contest(
            "Verified requests",
            "verify",
            servers,
            _QUICK if quick else _EFFORT,
            connections,
            lambda name, _: plans[name],
        )
        return play(contest, say)


def _checked(name: str, rounds: list[dict[str, Result]]) -> Checked:
    return Checked(
        name,
        [_rate(one[name]) for one in rounds],
        [_rate(one[name]) / _rate(one[OPEN]) for one in rounds],
        [_cpu_us(one[name]) for one in rounds],
    )


def _rate(result: Result) -> float:
    return result.requests / result.seconds


def _cpu_us(result: Result) -> float:
    used = result.usage["server"]
    return used.cpu / result.requests * 1e6


def _jwts(connections: int) -> list[ConnectionPlan]:
    """Tokens that are signed, as an API without a server to ask has them."""

    def text(data: bytes) -> str:
        return urlsafe_b64encode(data).rstrip(b"=").decode()

    plans, expiry = [], SystemClock().now() + 7200
    for number in range(connections):
        claims = {"sub": f"user-{number}", "exp": expiry, "scope": "sat:refresh"}
        signed = f"{text(_JWT_HEADER)}.{text(json.dumps(claims).encode())}"
        mac = hmac.new(_SECRET.encode(), signed.encode(), hashlib.sha256).digest()
        plans.append(ConnectionPlan([""], f"Bearer {signed}.{text(mac)}"))
    return plans


def _kept(count: int) -> dict[str, Any]:
    done = subprocess.run(
        [str(sdk_python()), str(_APP), "figures", str(count)],
        check=False,
        capture_output=True,
        text=True,
        env=clean_environment(),
    )
    if done.returncode != 0:
        raise WrongAnswer(f"kept answers could not be measured: {done.stderr[-1000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def _caught_up(
    satmint: Running, project: str, api_token: str, seconds: float
) -> tuple[int, float]:
    """Cut a verifier off for so long; how many sessions were revoked, and how soon it knew."""
    url = f"http://127.0.0.1:{satmint.port}"
    auth = httpx.BasicAuth(project, api_token)
    async with (
        httpx.AsyncClient(base_url=url, auth=auth, timeout=30) as client,
        _verifier(project, api_token) as verifier,
    ):
        await verifier.tell({"port": satmint.port})
        await verifier.until_current()
        pairs = [await _sign_in(client, number) for number in range(_REVOKED)]
        shown, _ = pairs[-1]
        if await verifier.verify(shown) != "granted":
            raise WrongAnswer("a verifier refuses a good token")
        began = perf_counter()
        await verifier.tell({"port": _NOBODY})
        await verifier.tell({"do": "cut"})
        for _, session in pairs:
            answer = await client.delete(f"/api/satmint/sessions/{session}")
            if answer.status_code != 204:
                raise WrongAnswer(answer.text)
        await asyncio.sleep(max(0.0, seconds - (perf_counter() - began)))
        await verifier.tell({"port": satmint.port})
        back = perf_counter()
        await verifier.until_current()
        caught_up = perf_counter() - back
        if await verifier.verify(shown) != "refused":
            raise WrongAnswer("a verifier believes a token that was revoked while it was cut off")
    return len(pairs), caught_up


async def _sign_in(client: httpx.AsyncClient, number: int) -> tuple[str, str]:
    answer = await client.post(ISSUE_PATH, json={"reference": f"cut-{number}"})
    token = answer.json()["token"]
    known = await client.post("/api/satmint/tokens/introspect", json={"token": token})
    return token, known.json()["session_id"]


class _Verifier:
    """`tests/soak/scripts/verifier.py`, asked one thing at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, message: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    async def _ask(self, message: Mapping[str, object]) -> dict[str, Any]:
        await self.tell(message)
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE_SECONDS):
            found: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return found

    async def verify(self, token: str) -> str:
        return str((await self._ask({"id": 1, "token": token}))["answer"])

    async def until_current(self) -> None:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not (await self._ask({"do": "state"}))["state"]["feed"]["is_current"]:  # noqa: ASYNC110 - it tells in no other way
                await asyncio.sleep(0.01)


@asynccontextmanager
async def _verifier(project: str, api_token: str) -> AsyncIterator[_Verifier]:
    process = await asyncio.create_subprocess_exec(
        sdk_python(),
        _VERIFIER,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**clean_environment(), "OBSERVED_PROJECT": project, "OBSERVED_API_TOKEN": api_token},
    )
    try:
        yield _Verifier(process)
    finally:
        process.kill()
        await process.wait()
