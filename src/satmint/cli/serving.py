"""Serving on one listener, in the only process or in one of several."""

import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog

from satmint.assembly import Service, assembled, policy_of
from satmint.cli.running import background_of
from satmint.http.listen import Listener, Listening, serve
from satmint.settings import Settings

_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


class Crew(msgspec.Struct, frozen=True):
    """One worker's place among the others."""

    number: int
    """Which of the workers it is, from 0."""
    folder: str
    """Where they meet: a folder that only their user can enter."""


async def serve_on(
    listener: Listener,
    settings: Settings,
    public_url: str,
    on_ready: Callable[[Service], Awaitable[None]],
    crew: Crew | None = None,
) -> None:
    """Assemble the service and serve it until a signal says stop.

    Args:
        listener: Where.
        settings: How.
        public_url: Where it is reached from outside; no slash at the end.
        on_ready: Called once it answers.
        crew: Its place among other workers, if there are any.
    """
    async with assembled(settings) as service:
        background = [*background_of(service)]
        if crew is not None:
            background.append(service.join(Path(crew.folder), crew.number))
        await serve(
            service.app(public_url),
            [listener],
            Listening(
                trusted_proxies=settings.trusted_proxies,
                on_ready=lambda: on_ready(service),
                on_hangup=service.look_at_keyring,
                on_stop=service.gateway.stop,
                background=background,
            ),
        )


def warn_about(settings: Settings, bound: str) -> None:
    """Log what an operator should know about these settings before anybody calls.

    Args:
        settings: As they are.
        bound: The URL that is listened on.
    """
    log = structlog.get_logger("satmint.serve")
    if not policy_of(settings).cluster_hosts:
        log.warning(
            "no_cluster_host",
            meaning="browser SDKs send tokens without one to the vendor's cloud",
            remedy="set --cluster-host",
        )
    if settings.public_url is None and settings.host in _EVERYWHERE:
        log.warning(
            "no_public_url",
            meaning=f"links in answers begin with {bound}",
            remedy="set --public-url",
        )
    file = Path(settings.keyring)
    if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        log.warning("keyring_open_to_others", remedy=f"chmod 600 {file}")
