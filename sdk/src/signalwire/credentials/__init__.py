"""Credentials that stay fresh: providers, stores for refresh tokens, keys, and the session.

    from signalwire.credentials import CredentialSession, SubscriberCredentialProvider
    from signalwire.rest import AsyncRestClient

    async with AsyncRestClient() as client:
        provider = SubscriberCredentialProvider(client, reference="alice@example.com")
        async with CredentialSession(provider) as session:
            token = await session.token()

A session refreshes in the background, and tells what happens in `session.events()`. A
`SessionClient` is connected to the gateway with it (extra `gateway`).
"""

from signalwire._ambient import Clock, Entropy, Instant
from signalwire.credentials._client import SessionClient
from signalwire.credentials._client_events import (
    ClientEvent,
    Connected,
    Disconnected,
    Ended,
    Reauthenticated,
    WentOffline,
    WentOnline,
)
from signalwire.credentials._client_state import ClientState
from signalwire.credentials._credential import (
    AuthenticateContext,
    Credential,
    CredentialProvider,
    RefreshingCredentialProvider,
)
from signalwire.credentials._dpop import DPoPKey
from signalwire.credentials._embed import EmbedTokenCredentialProvider
from signalwire.credentials._events import Expired, Failed, Refreshed, SessionEvent, Warned
from signalwire.credentials._file_store import FileRefreshTokenStore
from signalwire.credentials._methods import Authorization
from signalwire.credentials._session import CredentialSession, SessionStats
from signalwire.credentials._static import StaticCredentialProvider
from signalwire.credentials._stores import (
    MemoryRefreshTokenStore,
    RefreshTokenStore,
    TokenRecord,
)
from signalwire.credentials._subscriber import SubscriberCredentialProvider, SubscriberMembers
from signalwire.credentials.errors import (
    CredentialError,
    CredentialExpired,
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
    InvalidCredential,
    RefreshFailed,
    SessionClosed,
    SessionRevoked,
    StoreError,
    StoreLocked,
    TransientRefreshError,
)

__all__ = [
    "AuthenticateContext",
    "Authorization",
    "ClientEvent",
    "ClientState",
    "Clock",
    "Connected",
    "Credential",
    "CredentialError",
    "CredentialExpired",
    "CredentialProvider",
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
    "Reauthenticated",
    "RefreshFailed",
    "RefreshTokenStore",
    "Refreshed",
    "RefreshingCredentialProvider",
    "SessionClient",
    "SessionClosed",
    "SessionEvent",
    "SessionRevoked",
    "SessionStats",
    "StaticCredentialProvider",
    "StoreError",
    "StoreLocked",
    "SubscriberCredentialProvider",
    "SubscriberMembers",
    "TokenRecord",
    "TransientRefreshError",
    "Warned",
    "WentOffline",
    "WentOnline",
]
