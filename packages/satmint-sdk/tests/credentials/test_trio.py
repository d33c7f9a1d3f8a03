"""Under trio a session refuses by a sentence that names what to use."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from satmint_sdk.credentials import Credential, CredentialSession, StaticCredentialProvider


def test_under_trio_the_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drives the coroutine without a loop of asyncio, as trio does."""
    lowlevel = SimpleNamespace(current_task=object)
    monkeypatch.setitem(sys.modules, "trio", SimpleNamespace(lowlevel=lowlevel))
    session = CredentialSession(StaticCredentialProvider(Credential("t")))
    opening = session.open()
    with pytest.raises(RuntimeError) as refused:
        opening.send(None)
    assert "use a BlockingCredentialSession" in str(refused.value)
    assert "trio.to_thread.run_sync" in str(refused.value)


def test_without_any_loop_the_error_is_that_of_asyncio() -> None:
    session = CredentialSession(StaticCredentialProvider(Credential("t")))
    with pytest.raises(RuntimeError, match="no running event loop"):
        session.open().send(None)
