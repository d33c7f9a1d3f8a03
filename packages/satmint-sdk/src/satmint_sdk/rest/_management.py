"""`client.satmint`: the management API of a satmint server, below `/api/satmint`.

It needs an API token with `management`; for `tokens.introspect`, `tokens.introspect_many` and
`revocations`, one with `introspect` suffices. Every method takes `extras`, further members of the
body (of the query, if there is no body), and `request_options`, and raises the errors of
`satmint_sdk.rest.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from satmint_sdk.rest._call import Call, Extras, delete_call, list_call, members, path_of
from satmint_sdk.rest._managed_project import (
    ManagedEvents,
    ManagedProjectSessions,
    ManagedStats,
)
from satmint_sdk.rest._managed_resources import (
    ManagedAddresses,
    ManagedApiTokens,
    ManagedClickToCallTokens,
)
from satmint_sdk.rest._managed_revocations import ManagedRevocations
from satmint_sdk.rest._managed_webhooks import ManagedWebhooks
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._resource import D, Resource, api_method, group, pages
from satmint_sdk.rest.types import (
    Devices,
    Introspection,
    Introspections,
    Nothing,
    Page,
    Presence,
    RevokedSessions,
    Session,
)

_FOLDER: Final = ("api", "satmint")


class ManagedTokens(Resource[D]):
    """Tokens of subscribers, guests and visitors."""

    @api_method
    def introspect(
        self,
        *,
        token: str,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Introspection]:
        """Ask whether a token is active, and for its claims (RFC 7662).

        Args:
            token: A SAT or a refresh token.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        return Call(
            "POST",
            path_of(*_FOLDER, "tokens", "introspect"),
            body=members({"token": token}, extras),
            options=request_options,
            repeatable=True,
        )

    @api_method
    def introspect_many(
        self,
        *,
        tokens: Sequence[str],
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Introspections]:
        """Ask for up to 100 tokens whether each is active, and for its claims (RFC 7662).

        Args:
            tokens: SATs and refresh tokens.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        return Call(
            "POST",
            path_of(*_FOLDER, "tokens", "introspect"),
            body=members({"tokens": list(tokens)}, extras),
            options=request_options,
            repeatable=True,
        )

    @api_method
    def revoke(
        self,
        *,
        token: str,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[RevokedSessions]:
        """Revoke the session of a token (RFC 7009). An unknown token is not an error.

        Args:
            token: A SAT or a refresh token.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        return Call(
            "POST",
            path_of(*_FOLDER, "tokens", "revoke"),
            body=members({"token": token}, extras),
            options=request_options,
            repeatable=True,
        )


class ManagedSessions(Resource[D]):
    """Sessions: what a refresh token and its SATs belong to."""

    @api_method
    def list(
        self,
        subscriber_id: str,
        *,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[Session]]:
        """Read one page of the sessions of a subscriber.

        Args:
            subscriber_id: UUID of the subscriber.
            page_size: Items on a page; 50 if absent, at most 1000.
            page_number: Which page, from 0.
            page_token: Where a page begins, as found in `links`.
            extras: Further members of the query.
            request_options: How to send this call.
        """
        return list_call(
            path_of(*_FOLDER, "subscribers", subscriber_id, "sessions"),
            extras,
            request_options,
            page_size=page_size,
            page_number=page_number,
            page_token=page_token,
        )

    @pages(list)
    def paginate(self) -> None:
        """Go through all items, page after page. Arguments as in `list`."""

    @api_method
    def get(
        self,
        session_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Session]:
        """Read one session."""
        return Call(
            "GET",
            path_of(*_FOLDER, "sessions", session_id),
            query=members({}, extras),
            options=request_options,
        )

    @api_method
    def revoke(
        self,
        session_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Nothing]:
        """Revoke a session: its refresh token and its SATs are invalid at once."""
        return delete_call(path_of(*_FOLDER, "sessions", session_id), extras, request_options)

    @api_method
    def revoke_all(
        self,
        subscriber_id: str,
        *,
        fingerprint: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[RevokedSessions]:
        """Revoke all sessions of a subscriber, or those that are bound to one key.

        Args:
            subscriber_id: UUID of the subscriber.
            fingerprint: RFC 7638 thumbprint of the key.
            extras: Further members of the query.
            request_options: How to send this call.
        """
        return delete_call(
            path_of(*_FOLDER, "subscribers", subscriber_id, "sessions"),
            extras,
            request_options,
            fingerprint=fingerprint,
        )

    @api_method
    def revoke_project(
        self,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Nothing]:
        """Revoke every session of the project. API tokens remain valid."""
        return delete_call(path_of(*_FOLDER, "sessions"), extras, request_options)


class ManagedSubscribers(Resource[D]):
    """What a server knows of a subscriber's clients."""

    @api_method
    def devices(
        self,
        subscriber_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Devices]:
        """List the keys that a subscriber's sessions are bound to."""
        return Call(
            "GET",
            path_of(*_FOLDER, "subscribers", subscriber_id, "devices"),
            query=members({}, extras),
            options=request_options,
        )

    @api_method
    def presence(
        self,
        subscriber_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Presence]:
        """Ask whether a subscriber is online, and by which connections."""
        return Call(
            "GET",
            path_of(*_FOLDER, "subscribers", subscriber_id, "presence"),
            query=members({}, extras),
            options=request_options,
        )


class Management(Resource[D]):
    """The management API of a satmint server."""

    tokens: ManagedTokens[D] = group(ManagedTokens)
    sessions: ManagedSessions[D] = group(ManagedSessions)
    project_sessions: ManagedProjectSessions[D] = group(ManagedProjectSessions)
    subscribers: ManagedSubscribers[D] = group(ManagedSubscribers)
    addresses: ManagedAddresses[D] = group(ManagedAddresses)
    c2c_tokens: ManagedClickToCallTokens[D] = group(ManagedClickToCallTokens)
    api_tokens: ManagedApiTokens[D] = group(ManagedApiTokens)
    webhooks: ManagedWebhooks[D] = group(ManagedWebhooks)
    events: ManagedEvents[D] = group(ManagedEvents)
    stats: ManagedStats[D] = group(ManagedStats)
    revocations: ManagedRevocations[D] = group(ManagedRevocations)
