"""Ending a session on the server."""

from __future__ import annotations

import logging
from typing import Final

from satmint_sdk._ambient import Clock
from satmint_sdk._secrets import one_line
from satmint_sdk.credentials._credential import CredentialProvider, RevokingCredentialProvider
from satmint_sdk.credentials._waiting import within
from satmint_sdk.credentials.refresh._scheduler import RefreshScheduler

_LIMIT: Final = 15.0
_LOG: Final = logging.getLogger("satmint_sdk.credentials")


async def revoke(
    provider: CredentialProvider, scheduler: RefreshScheduler, name: str, clock: Clock
) -> bool:
    """Stop refreshing, and let the provider revoke the session within 15 s. Whether it has."""
    await scheduler.close()
    if not isinstance(provider, RevokingCredentialProvider):
        _LOG.info("%s: closed; its provider cannot revoke it", name)
        return False
    try:
        revoked = await within(clock, _LIMIT, provider.revoke())
    except Exception as error:  # noqa: BLE001 - a provider may raise anything
        detail = one_line(f"{type(error).__name__}: {error}")
        _LOG.warning("%s: not revoked, its tokens stay valid until they expire: %s", name, detail)
        return False
    _LOG.info("%s: %s", name, "revoked" if revoked else "closed; the server cannot revoke it")
    return revoked
