"""Credentials that stay fresh: providers, stores for refresh tokens, keys, and the session.

    from satmint_sdk.credentials import CredentialSession, SubscriberCredentialProvider
    from satmint_sdk.rest import AsyncRestClient

    async with AsyncRestClient() as client:
        provider = SubscriberCredentialProvider(client, reference="alice@example.com")
        async with CredentialSession(provider) as session:
            token = await session.token()

A session refreshes in the background, and reports in `session.events()`. A `SessionClient` connects
it to the gateway (extra `gateway`).
"""

from typing import TYPE_CHECKING

from satmint_sdk._ambient import Clock, Entropy, Instant
from satmint_sdk.credentials._blocking import BlockingCredentialSession
from satmint_sdk.credentials._credential import (
    AuthenticateContext,
    Credential,
    CredentialProvider,
    RefreshingCredentialProvider,
    RevokingCredentialProvider,
)
from satmint_sdk.credentials._events import Expired, Failed, Refreshed, SessionEvent, Warned
from satmint_sdk.credentials._session import CredentialSession
from satmint_sdk.credentials._session_parts import SessionStats
from satmint_sdk.credentials.bound._dpop import DPoPKey
from satmint_sdk.credentials.errors import (
    CredentialError,
    CredentialExpired,
    CredentialRefused,
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
    InvalidCredential,
    RefreshFailed,
    SessionClosed,
    SessionRevoked,
    StoreError,
    StoreLocked,
    StoreUnavailable,
    TransientRefreshError,
)
from satmint_sdk.credentials.providers._embed import EmbedTokenCredentialProvider
from satmint_sdk.credentials.providers._static import StaticCredentialProvider
from satmint_sdk.credentials.providers._subscriber import (
    SubscriberCredentialProvider,
    SubscriberMembers,
)
from satmint_sdk.credentials.stores._compare_and_set import (
    CompareAndSetMapping,
    CompareAndSetRefreshTokenStore,
)
from satmint_sdk.credentials.stores._contract import (
    MAX_LOCK_SECONDS,
    ReadableRefreshTokenStore,
    RefreshTokenStore,
    TokenRecord,
)
from satmint_sdk.credentials.stores._file import FileRefreshTokenStore
from satmint_sdk.credentials.stores._memory import MemoryRefreshTokenStore
from satmint_sdk.credentials.stores._sqlite import SQLiteRefreshTokenStore

if TYPE_CHECKING:
    from satmint_sdk.credentials._auth import SubscriberAuth
    from satmint_sdk.credentials.live._client import SessionClient
    from satmint_sdk.credentials.live._client_events import (
        ClientEvent,
        Connected,
        Disconnected,
        Ended,
        Reauthenticated,
        WentOffline,
        WentOnline,
    )
    from satmint_sdk.credentials.live._client_state import ClientState
    from satmint_sdk.credentials.live._methods import Authorization

__all__ = [
    "MAX_LOCK_SECONDS",
    "AuthenticateContext",
    "Authorization",
    "BlockingCredentialSession",
    "ClientEvent",
    "ClientState",
    "Clock",
    "CompareAndSetMapping",
    "CompareAndSetRefreshTokenStore",
    "Connected",
    "Credential",
    "CredentialError",
    "CredentialExpired",
    "CredentialProvider",
    "CredentialRefused",
    "CredentialSession",
    "DPoPKey",
    "Disconnected",
    "EmbedTokenCredentialProvider",
    "Ended",
    "Entropy",
    "Expired",
    "Failed",
    "FileRefreshTokenStore",
    "GatewayError",
    "GatewayRefused",
    "GatewayUnreachable",
    "Instant",
    "InvalidCredential",
    "MemoryRefreshTokenStore",
    "ReadableRefreshTokenStore",
    "Reauthenticated",
    "RefreshFailed",
    "RefreshTokenStore",
    "Refreshed",
    "RefreshingCredentialProvider",
    "RevokingCredentialProvider",
    "SQLiteRefreshTokenStore",
    "SessionClient",
    "SessionClosed",
    "SessionEvent",
    "SessionRevoked",
    "SessionStats",
    "StaticCredentialProvider",
    "StoreError",
    "StoreLocked",
    "StoreUnavailable",
    "SubscriberAuth",
    "SubscriberCredentialProvider",
    "SubscriberMembers",
    "TokenRecord",
    "TransientRefreshError",
    "Warned",
    "WentOffline",
    "WentOnline",
]


_LATE = {
    "SubscriberAuth": "_auth",  # needs httpx, which is large
    "SessionClient": "live._client",
    "ClientEvent": "live._client_events",
    "Connected": "live._client_events",
    "Disconnected": "live._client_events",
    "Ended": "live._client_events",
    "Reauthenticated": "live._client_events",
    "WentOffline": "live._client_events",
    "WentOnline": "live._client_events",
    "ClientState": "live._client_state",
    "Authorization": "live._methods",
}
"""Names that are loaded when they are first used, and the modules that have them."""


def __getattr__(name: str) -> object:
    """Load one of the names of `_LATE`: not every program has a live session."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
