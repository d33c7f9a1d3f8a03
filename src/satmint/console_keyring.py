"""The keyring, as the page of keys reads and changes it: the file is written as by the commands."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from satmint.assembly import Service
from satmint.console.keyring import KeyEntry, KeyringChangeFailed, KeyTokens
from satmint.flows.keys import record_in_all_projects, record_keys
from satmint.keyring_file import absolute_file, variable_of
from satmint.maintenance import (
    KeyInfo,
    KeyState,
    key_infos,
    list_keys,
    prepare_key,
    remove_key,
    rotate_keyring,
    usage_of,
)
from satmint.model.entropy import SystemEntropy
from satmint.model.events import EventKind, Origin
from satmint.model.refusals import StoreUnavailable
from satmint.settings import SettingsError

T = TypeVar("T")

_PATIENCE_SECONDS: Final = 0.2
_KEPT_SECONDS: Final = 60


class ServiceKeyring:
    """See `KeyringOperations`."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._file = absolute_file(service.settings.keyring)
        self._kek = service.settings.keyring_kek
        self._counts: dict[str, asyncio.Task[KeyTokens]] = {}

    @property
    def place(self) -> str:
        """See `KeyringOperations.place`."""
        return str(self._service.settings.keyring)

    @property
    def is_writable(self) -> bool:
        """See `KeyringOperations.is_writable`."""
        return variable_of(self._file) is None

    @property
    def uses(self) -> int:
        """See `KeyringOperations.uses`."""
        return self._service.services.cipher.uses

    async def entries(self) -> Sequence[KeyEntry]:
        """See `KeyringOperations.entries`."""
        if self._kek is None:
            infos = await _run(lambda: list_keys(self._file))
        else:  # what unwraps it may be slow: as this process has loaded it
            infos = key_infos(self._service.services.cipher.keyring)
        return [_entry(info) for info in infos]

    async def tokens_of(self, key: KeyEntry) -> KeyTokens | None:
        """See `KeyringOperations.tokens_of`."""
        task = self._counts.get(key.id)
        if task is None:
            task = asyncio.ensure_future(self._count(key))
            self._counts[key.id] = task
            loop = asyncio.get_running_loop()
            task.add_done_callback(
                lambda _: loop.call_later(_KEPT_SECONDS, self._counts.pop, key.id, None)
            )
        await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
        return task.result() if task.done() else None

    async def prepare(self) -> str:
        """See `KeyringOperations.prepare`."""
        clock, entropy = self._service.services.clock, SystemEntropy()
        infos = await _run(lambda: prepare_key(self._file, clock, entropy, self._kek))
        self._service.reload_files()
        return next(info.id for info in infos if info.state is KeyState.NEXT)

    async def rotate(self, origin: Origin) -> str:
        """See `KeyringOperations.rotate`."""
        clock, entropy = self._service.services.clock, SystemEntropy()
        infos = await _run(lambda: rotate_keyring(self._file, clock, entropy, self._kek))
        key = next(info.id for info in infos if info.state is KeyState.ACTIVE)
        await self._record(EventKind.KEY_ROTATED, key, infos, origin)
        return key

    async def retire(self, key: str, origin: Origin) -> None:
        """See `KeyringOperations.retire`."""
        infos = await _run(lambda: remove_key(self._file, key, self._kek))
        await self._record(EventKind.KEY_RETIRED, key, infos, origin)

    async def _count(self, key: KeyEntry) -> KeyTokens:
        info = KeyInfo(key.id, KeyState(key.state), key.created_at, key.retired_at)
        settings, now = self._service.settings, self._service.services.clock.now()
        use = await asyncio.to_thread(usage_of, settings, info, now)
        return KeyTokens(use.until, use.sessions)

    async def _record(
        self, kind: EventKind, key: str, infos: Sequence[KeyInfo], origin: Origin
    ) -> None:
        self._service.reload_files()
        services = self._service.services
        try:
            await record_in_all_projects(services, kind, key, origin)
            await record_keys(services, [info.id for info in infos])
        except StoreUnavailable as error:
            message = "the keyring was changed, but the audit trail could not be written"
            raise KeyringChangeFailed(message) from error


async def _run(work: Callable[[], T]) -> T:
    """Read or write the file in a thread.

    Raises:
        KeyringChangeFailed: it cannot be used.
    """
    try:
        return await asyncio.to_thread(work)
    except SettingsError as error:
        raise KeyringChangeFailed(str(error)) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"the keyring cannot be written: {reason}"
        raise KeyringChangeFailed(message) from error


def _entry(info: KeyInfo) -> KeyEntry:
    return KeyEntry(info.id, info.state.value, info.created_at, info.retired_at)
