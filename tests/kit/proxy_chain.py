"""A proxy in front of `satmint serve`; honest callers through it, and hostile clients beside them.

with running_chain(NGINX, folder) as chain:
    outcome = asyncio.run(try_chain(chain, answers=3000, seconds=15))
    assert outcome.tally.wrong == 0
"""

import asyncio
import json
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx

from tests.kit.checked_caller import CheckedCaller, Identity, Tally
from tests.kit.dev import clean_environment
from tests.kit.forked import run, start
from tests.kit.hostile_client import Sent, send_attempts
from tests.kit.polling import wait_until
from tests.kit.proxies import NAME, Proxy, certificate, running_proxy
from tests.kit.smuggling import H2C_UPGRADE, attempts
from tests.kit.tokens import Loupe
from tests.kit.wire import ISSUE

CALLERS: Final = 24
HOSTILES: Final = 8

_START_SECONDS: Final = 60
_MOST_LOST: Final = 1000
"""Connections that end without an answer; after so many, the proxy does not work."""
_UNLIMITED: Final = "1000000000"


@dataclass(frozen=True, slots=True)
class Chain:
    """A running proxy with a server behind it."""

    port: int
    """The proxy's."""
    trust: ssl.SSLContext
    server_url: str
    auth: tuple[str, str]
    """User and password of the project for Basic."""
    loupe: Loupe

    @property
    def basic(self) -> str:
        """The same, as a value of Authorization."""
        return "Basic " + b64encode(":".join(self.auth).encode()).decode()

    def identities(self, count: int) -> list[Identity]:
        """New subscribers, made without the proxy."""
        with httpx.Client(base_url=self.server_url, auth=self.auth) as backend:
            return [_identity(backend, f"caller-{number}@example.com") for number in range(count)]

    def events(self) -> Iterator[dict[str, Any]]:
        """The audit events, newest first, read without the proxy."""
        with httpx.Client(base_url=self.server_url, auth=self.auth) as backend:
            query = "page_size=1000"
            while query:
                page = backend.get(f"/api/satmint/events?{query}").json()
                yield from page["data"]
                query = httpx.URL(page["links"].get("next", "")).query.decode()


@dataclass(slots=True)
class Outcome:
    """What came of a trial."""

    tally: Tally = field(default_factory=Tally)
    sent: Sent = field(default_factory=Sent)
    seconds: float = 0.0


@contextmanager
def running_chain(
    proxy: Proxy,
    folder: Path,
    example: str | None = None,
    *,
    source: Path | None = None,
    between: Callable[[int], AbstractContextManager[int]] = nullcontext,
) -> Iterator[Chain]:
    """Run both.

    Args:
        proxy: The one in front.
        folder: For all files; empty.
        example: The proxy's configuration, in place of the one in `deploy/`.
        source: A folder with another version of the package `satmint`.
        between: What is between the proxy and the server; from the server's port to its own.

    Raises:
        ProxyMissing: the proxy's program is not here.
    """
    proxy.program()
    # Failed credentials are not held back: each attempt is to reach what it aims at.
    variables = {"SATMINT_FAILURES_PER_MINUTE": _UNLIMITED}
    if source is None:
        variables["SATMINT_ADMIN_PORT"] = "0"
    else:
        variables["PYTHONPATH"] = str(source)
    environment = clean_environment(**variables)
    _satmint(folder, environment, "keys", "init")
    database = ("--database", f"sqlite:///{folder}/satmint.db")
    made = _satmint(folder, environment, "project", "create", "chain", "--json", *database)
    project = json.loads(made)
    trust = certificate(folder)
    with (
        _running_server(folder, environment, *database) as url,
        between(_port(url)) as upstream,
        running_proxy(proxy, folder, (upstream, upstream), example) as port,
    ):
        auth = (project["id"], project["api_token"])
        yield Chain(port, trust, url, auth, Loupe(folder))


async def try_chain(
    chain: Chain, answers: int, seconds: float, *, until_wrong: bool = False
) -> Outcome:
    """Have callers get so many answers while attempts go on.

    Args:
        chain: Where.
        answers: To be checked.
        seconds: When it ends at the latest.
        until_wrong: Whether the first wrong answer ends it.
    """
    outcome, began = Outcome(), time.monotonic()
    identities = await asyncio.to_thread(chain.identities, CALLERS)

    def enough() -> bool:
        tally = outcome.tally
        if until_wrong and tally.wrong:
            return True
        if tally.lost > _MOST_LOST:
            return True
        return tally.answers >= answers or time.monotonic() - began > seconds

    every = attempts(chain.basic.encode())
    # Every second client sends only those that are known to have worked.
    chosen = (every, [attempt for attempt in every if attempt.name == H2C_UPGRADE])
    place = (chain.port, chain.trust)
    async with asyncio.TaskGroup() as group:
        for identity in identities:
            caller = CheckedCaller(*place, chain.basic, chain.loupe, identity, outcome.tally)
            group.create_task(caller.run(enough))
        for number in range(HOSTILES):
            group.create_task(
                send_attempts(*place, chosen[number % 2], outcome.sent, enough, number)
            )
    outcome.seconds = time.monotonic() - began
    return outcome


def _satmint(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    """What a command prints."""
    done = run(arguments, cwd=folder, env=environment, text=True)
    done.check_returncode()
    return str(done.stdout)


@contextmanager
def _running_server(folder: Path, environment: dict[str, str], *arguments: str) -> Iterator[str]:
    """`satmint serve` with its log in a file; yields its URL."""
    log = folder / "serve.log"
    command = ["serve", "--port", "0", "--json", "--trusted-proxies", "127.0.0.1"]
    command += ["--public-url", f"https://{NAME}", *arguments]
    with (
        log.open("wb") as output,
        start(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            wait_until(
                lambda: process.poll() is not None or b'"listening"' in log.read_bytes(),
                _START_SECONDS,
            )
            assert process.poll() is None, log.read_text()
            lines = [json.loads(line) for line in log.read_text().splitlines()]
            yield next(line["url"] for line in lines if line["event"] == "listening")
        finally:
            process.terminate()


def _port(url: str) -> int:
    port = httpx.URL(url).port
    assert port is not None
    return port


def _identity(backend: httpx.Client, reference: str) -> Identity:
    """A new subscriber."""
    made = backend.post(ISSUE, json={"reference": reference})
    assert made.status_code == 200, made.text
    return Identity(reference, UUID(made.json()["subscriber_id"]))
