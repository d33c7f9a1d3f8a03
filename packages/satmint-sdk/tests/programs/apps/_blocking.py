"""A session for programs without an event loop: its own thread runs one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

from satmint_sdk.credentials import CredentialProvider, CredentialSession


class BlockingSession:
    """Opens a session at the first `token()` in each process, in a thread that ends with it."""

    def __init__(self, provider: Callable[[], CredentialProvider]) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._pid = 0
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock, self._pid = threading.Lock(), 0

    def _opened(self) -> CredentialSession:
        with self._lock:
            if self._pid != os.getpid():
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, daemon=True).start()
                self._session = CredentialSession(self._provider())
                asyncio.run_coroutine_threadsafe(self._session.open(), self._loop).result()
                self._pid = os.getpid()
            return self._session

    @property
    def refreshed(self) -> int:
        """How often it was refreshed in this process."""
        return self._opened().stats.attempts.get("refreshed", 0)

    def token(self) -> str:
        """A valid token."""
        return self._opened().token_blocking()

    def renew(self, rejected: str) -> str:
        """Replace a token that a server has refused."""
        renewing = self._opened().renew(rejected)
        return asyncio.run_coroutine_threadsafe(renewing, self._loop).result()

    def close(self) -> None:
        """Close what was opened in this process."""
        if self._pid == os.getpid():
            asyncio.run_coroutine_threadsafe(self._session.close(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._pid = 0
