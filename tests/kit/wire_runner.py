"""Send wire cases to a running server, many at once, and judge what comes back."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from tests.kit.dev import DevServer
from tests.kit.wire_answers import count_answers, read_answers
from tests.kit.wire_cases import Case, Form, forms
from tests.kit.wire_checks import Exchange, decide_rotation
from tests.kit.wire_client import WireClient

PATIENCE_SECONDS: Final = 8.0
"""What takes longer does not come; less than a server waits for the rest of a request."""
CONCURRENCY: Final = 40
"""Connections at once."""

_PAUSES_SECONDS: Final = 3.0
"""On a busy machine pauses last longer than they should, and a request must arrive in time."""
_SETTLE_SECONDS: Final = 0.1
"""How long a surplus answer is waited for where the connection may stay open or not."""
_FURTHER_REQUEST: Final = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Target:
    """One of the places where a server listens."""

    scheme: str
    host: str
    port: int
    tls: ssl.SSLContext | None
    credentials: str
    """What `{GOOD}` stands for."""


def targets_of(dev: DevServer) -> list[Target]:
    """HTTP and HTTPS of a development server."""
    tls = ssl.create_default_context(cafile=dev["ca_file"])
    credentials = b64encode(":".join(dev.auth).encode()).decode()
    found = []
    for scheme, context in (("http", None), ("https", tls)):
        url = urlsplit(dev[scheme])
        assert url.hostname is not None
        assert url.port is not None
        found.append(Target(scheme, url.hostname, url.port, context, credentials))
    return found


async def run_cases(targets: Sequence[Target], cases: Iterable[Case]) -> dict[str, list[str]]:
    """Run cases side by side; returns what is wrong with each, by its name."""
    limit = asyncio.Semaphore(CONCURRENCY)
    async with asyncio.TaskGroup() as group:
        tasks = {case.name: group.create_task(_run(targets, case, limit)) for case in cases}
    return {name: task.result() for name, task in tasks.items()}


async def _run(targets: Sequence[Target], case: Case, limit: asyncio.Semaphore) -> list[str]:
    """Send a case in every form to every target; returns what is wrong, by target and form."""

    async def send(target: Target, form: Form) -> Exchange:
        async with limit:
            try:
                return await exchange(target, case, form)
            except OSError as error:
                return Exchange((), closed=True, malformed=f"no connection: {error}")

    found = []
    for target in targets:
        variants = list(forms(case, target.credentials))
        made = await asyncio.gather(*(send(target, form) for form in variants))
        for form, one in zip(variants, made, strict=True):
            problems = decide_rotation(case, one, given=form is variants[0])
            if one.outcome != made[0].outcome and not case.segmented:
                problems.append(f"other answers than as given: {one.outcome} {made[0].outcome}")
            found += [f"{target.scheme}, {form.name}: {problem}" for problem in problems]
    return found


async def exchange(target: Target, case: Case, form: Form) -> Exchange:
    """Send one form of a case on a connection of its own.

    Where the connection must stay open, another request follows the case, and its answer must be
    the next one and the last: a surplus answer is noticed without waiting for it.

    Raises:
        OSError: there is no connection.
    """
    client = await WireClient.connect(target.host, target.port, target.tls)
    try:
        await _send(client, form)
        match case.after:
            case "open":
                await client.wait_for(lambda: _is_answered(client, case), PATIENCE_SECONDS)
                await client.send(_FURTHER_REQUEST)
                await client.wait_for(lambda: client.closed, PATIENCE_SECONDS)
            case "closed":
                await client.wait_for(lambda: client.closed, PATIENCE_SECONDS)
            case _:
                await client.wait_for(lambda: _is_complete(client, case), PATIENCE_SECONDS)
                await client.wait_for(lambda: client.closed, _SETTLE_SECONDS)
        answers, malformed = read_answers(bytes(client.received), ended=True)
        return Exchange(tuple(answers), client.closed, malformed)
    finally:
        await client.close()


async def _send(client: WireClient, form: Form) -> None:
    """Send the pieces one by one, until the server closes the connection."""
    loop = asyncio.get_running_loop()
    unhurried = loop.time() + _PAUSES_SECONDS
    awaited = 0
    for number, piece in enumerate(form.pieces):
        if number:
            await client.pause(form.pause if loop.time() < unhurried else 0)
        if client.closed:
            return
        await client.send(piece)
        if form.waits and b"expect: 100-continue" in piece.lower():
            awaited += 1
            await client.wait_for(partial(_has_interim, client, awaited), PATIENCE_SECONDS)


def _has_interim(client: WireClient, number: int) -> bool:
    """Whether so many interim answers have begun."""
    return client.closed or client.received.count(b"HTTP/1.1 100 ") >= number


def _is_answered(client: WireClient, case: Case) -> bool:
    """Whether every answer has begun; a request that is sent from here on is not mixed up."""
    return client.closed or count_answers(client.received) >= case.final_answers


def _is_complete(client: WireClient, case: Case) -> bool:
    """Whether every answer has come as a whole."""
    if client.closed or not _is_answered(client, case):
        return client.closed
    _, malformed = read_answers(bytes(client.received), ended=True)
    return malformed is None
