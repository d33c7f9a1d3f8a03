"""The session of a WSGI application, and its one view: what both frameworks share."""

from __future__ import annotations

import atexit
import functools
import os

import httpx
from _blocking import BlockingSession
from _common import FIRST_LIFE, LIFE, ME, REFERENCE

from satmint_sdk.credentials import FileRefreshTokenStore, SubscriberCredentialProvider
from satmint_sdk.rest import RestClient

client = RestClient()


@functools.cache
def http_of(process: int) -> httpx.Client:
    """The HTTP client of a process: unlike a `RestClient`, httpx's own must not be forked."""
    del process
    return httpx.Client()


def provider() -> SubscriberCredentialProvider:
    return SubscriberCredentialProvider(
        client,
        reference=REFERENCE,
        store=FileRefreshTokenStore("wsgi.session"),
        lifetime=FIRST_LIFE,
        refreshed_lifetime=LIFE,
    )


session = BlockingSession(provider)
atexit.register(session.close)


def me() -> dict[str, object]:
    """Read who the subscriber is; refused tokens are renewed once."""
    http, token = http_of(os.getpid()), session.token()
    answer = http.get(ME, headers={"authorization": f"Bearer {token}"})
    if answer.status_code == 401:
        answer = http.get(ME, headers={"authorization": f"Bearer {session.renew(token)}"})
    answer.raise_for_status()
    return {"pid": os.getpid(), "refreshed": session.refreshed}
