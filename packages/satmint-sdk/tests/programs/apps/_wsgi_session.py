"""The session of a WSGI application, and its one view: what both frameworks share."""

from __future__ import annotations

import functools
import os

import httpx
from _common import FIRST_LIFE, LIFE, ME, REFERENCE

from satmint_sdk.credentials import (
    BlockingCredentialSession,
    FileRefreshTokenStore,
    SubscriberAuth,
    SubscriberCredentialProvider,
)
from satmint_sdk.rest import RestClient

session = BlockingCredentialSession(
    SubscriberCredentialProvider(
        RestClient(),
        reference=REFERENCE,
        store=FileRefreshTokenStore("wsgi.session"),
        lifetime=FIRST_LIFE,
        refreshed_lifetime=LIFE,
    )
)


@functools.cache
def http_of(process: int) -> httpx.Client:
    """The HTTP client of a process: unlike a session, httpx's own must not be forked."""
    del process
    return httpx.Client(auth=SubscriberAuth(session))


def me() -> dict[str, object]:
    """Read who the subscriber is."""
    http_of(os.getpid()).get(ME).raise_for_status()
    return {"pid": os.getpid(), "refreshed": session.stats.attempts.get("refreshed", 0)}
