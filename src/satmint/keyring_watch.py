"""Reloads a changed keyring, and checks that the keyring is one of this database."""

import asyncio
import contextlib
from pathlib import Path
from typing import Final

import structlog

from satmint.flows.service_context import ServiceContext
from satmint.jose import Keyring, KeyringError
from satmint.keyring_file import read_keyring
from satmint.keyring_kek import KeyringWrapper
from satmint.model.refusals import StoreUnavailable
from satmint.private_file import file_version

_POLL_SECONDS: Final = 2.0
_POLLS_BEFORE_RETRY: Final = 15
"""Polls until an unusable keyring is read again: the service that provides its KEK may recover."""


class KeyringWatch:
    """The keyring of a server: its file, and whether it can be used."""

    def __init__(
        self, services: ServiceContext, file: Path, kek: str | None, version: tuple[int, ...] | None
    ) -> None:
        """Prepare.

        Args:
            services: The context, with the cipher that uses the keyring.
            file: The keyring file; see `variable_of`.
            kek: The source of the wrapping key; None if the keyring is not wrapped.
            version: The version of the file that the keyring was read from, or an earlier one.
        """
        self.file = file
        self.stale = False
        """Whether the last attempt to read the file failed, so that an older keyring is in use."""
        self.unknown = False
        """Whether the database knows other keys only: the keyring is that of another database."""
        self._services = services
        self._kek = kek
        self._version = version
        self._is_recorded = False
        self._reload_requested = asyncio.Event()
        self._log = structlog.get_logger("satmint.keys")

    async def record(self) -> None:
        """Record the keyring in the database; warn if it is that of another database.

        Raises:
            StoreUnavailable: see `Store`.
        """
        cipher, unknown_before = self._services.cipher, self.unknown
        keys = [key.id for key in cipher.keyring.keys]
        known = await self._services.store.known_keys.record(keys, self._services.clock.now())
        self._is_recorded, self.unknown = known, not known
        if self.unknown and not unknown_before:
            self._log.warning(
                "keyring_unknown",
                keyring=str(self.file),
                active=cipher.keyring.active.id,
                meaning="no key of the keyring has served this database before: sessions from"
                " before cannot be continued, and secrets of webhooks cannot be read",
                remedy="start with the keyring of this database; if the keyring was replaced on"
                " purpose, run `satmint keys adopt`",
            )
        elif unknown_before and not self.unknown:
            self._log.info("keyring_known")

    def request_reload(self) -> None:
        """Request that the file is read again now, even if it is unchanged."""
        self._reload_requested.set()

    async def reload(self) -> bool:
        """Read the file again; return whether the keyring is usable.

        If it is not, the reason is logged, and the previous keyring remains in use.
        """
        found = await asyncio.to_thread(self._read)
        self.stale = isinstance(found, str)
        if isinstance(found, str):
            self._log.error("keyring_not_reloaded", reason=found)
            return False
        if found != self._services.cipher.keyring:
            self._services.cipher.reload(found)
            self._is_recorded = False
            self._log.info("keyring_reloaded", active=found.active.id, keys=len(found.keys))
        return True

    async def run(self) -> None:
        """Reload the file when it changes or a reload is requested, until cancelled.

        Records the keyring until the database knows it.
        """
        last_version, polls_left = self._version, 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._reload_requested.wait()
            requested = self._reload_requested.is_set()
            self._reload_requested.clear()
            version = file_version(self.file)
            polls_left -= 1
            if requested or version != last_version or polls_left == 0:
                last_version = version
                polls_left = 0 if await self.reload() else _POLLS_BEFORE_RETRY
            if not self._is_recorded:
                with contextlib.suppress(StoreUnavailable):
                    await self.record()

    def _read(self) -> Keyring | str:
        """The keyring, or the reason why it cannot be used. Blocks."""
        try:
            wrapping = (
                None if self._kek is None else KeyringWrapper(self._kek, self._services.entropy)
            )
            return read_keyring(self.file, wrapping)
        except (OSError, KeyringError) as error:
            return str(error)
