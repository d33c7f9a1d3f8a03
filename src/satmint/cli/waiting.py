"""Serves 503 while the database cannot be used, and goes on by itself when it can."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from satmint.assembly import Service, assembled, unavailable_app
from satmint.maintenance import SchemaUnknown
from satmint.model.database_reasons import is_temporary
from satmint.model.refusals import StoreUnavailable
from satmint.server import Listener, Server, ServerOptions
from satmint.settings import Settings
from satmint.store_watch import UsabilityLog

_RETRY_SECONDS: Final = 1.0


@dataclass(slots=True)
class _Away:
    """A database that cannot be used."""

    cause: str
    wait_for_operator: bool


async def open_service(
    stack: AsyncExitStack,
    settings: Settings,
    listeners: Sequence[Listener],
    public_url: str,
    options: ServerOptions,
    on_waiting: Callable[[], Awaitable[None]],
    *,
    replaces_another: bool = False,
) -> Service | None:
    """Assemble the service; while its database is away, answer requests with 503.

    Args:
        stack: Closes the service.
        settings: The settings.
        listeners: Where requests are answered meanwhile. They stay open.
        public_url: The server's URL from outside, without a slash at the end.
        options: Options of the HTTP server.
        on_waiting: Called once requests are answered, if the database is away.
        replaces_another: Whether the process takes the place of one that served. It also waits
            where an operator is needed: its socket must not be without a reader.

    Returns:
        The service. None: SIGTERM or SIGINT came before the database.

    Raises:
        StoreUnavailable: the database cannot be used, and waiting does not help.
        SchemaUnknown: see `assembled`.
        DatabaseCopied: see `assembled`.
    """
    try:
        return await stack.enter_async_context(assembled(settings))
    except (StoreUnavailable, SchemaUnknown) as error:
        cause = _cause(error)
        if not (is_temporary(cause) or replaces_another):
            raise
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    away = _Away(cause, replaces_another)
    app, server = unavailable_app(settings, public_url, lambda: away.cause), Server(options)
    try:
        for listener in listeners:
            # The server closes what it listens on; the socket itself is needed again.
            server.listen(app, Listener(listener.socket.dup(), listener.certificate))
        await on_waiting()
        opening = asyncio.create_task(_retry(stack, settings, away))
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait((opening, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not opening.done():
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            return None
        service = opening.result()
    finally:
        await server.stop()
    return None if stopping.is_set() else service


async def _retry(stack: AsyncExitStack, settings: Settings, away: _Away) -> Service:
    """Assemble the service as soon as its database can be used."""
    log = UsabilityLog("all requests are answered with 503 until the database can be used")
    while True:
        log.note(away.cause)
        await asyncio.sleep(_RETRY_SECONDS)
        try:
            service = await stack.enter_async_context(assembled(settings))
        except (StoreUnavailable, SchemaUnknown) as error:
            away.cause = _cause(error)
            if not (is_temporary(away.cause) or away.wait_for_operator):
                raise
            continue
        log.note("")
        return service


def _cause(error: StoreUnavailable | SchemaUnknown) -> str:
    return error.cause if isinstance(error, StoreUnavailable) else "schema_unknown"
