"""What the management API tells of a whole project: its sessions, its events, and counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from satmint_sdk.rest._call import Call, Extras, delete_call, list_call, members, path_of
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._resource import D, Resource, api_method, pages
from satmint_sdk.rest.types import Count, Event, Kind, Page, RevokedSessions, Session, Stats

_FOLDER: Final = ("api", "satmint")
_SESSIONS: Final = path_of(*_FOLDER, "sessions")

State = Literal["active", "revoked", "expired"]


class ManagedProjectSessions(Resource[D]):
    """The sessions of all subscribers of the project, by filters.

    `subscriber` is an id or a reference, `since` ISO 8601 or Unix seconds, `bound` whether a
    session is bound to a key, `fingerprint` the RFC 7638 thumbprint of that key, and
    `caller_address` the IP address that a session was issued to.
    """

    @api_method
    def list(
        self,
        *,
        state: State | None = None,
        kind: Kind | None = None,
        subscriber: str | None = None,
        since: str | int | None = None,
        bound: bool | None = None,
        fingerprint: str | None = None,
        caller_address: str | None = None,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[Session]]:
        """Read one page of the sessions that match, newest first.

        A page may have few items, or none, although its `links` have a `next`.
        """
        return list_call(
            _SESSIONS,
            extras,
            request_options,
            page_size=page_size,
            page_number=page_number,
            page_token=page_token,
            state=state,
            kind=kind,
            subscriber=subscriber,
            since=since,
            bound=bound,
            fingerprint=fingerprint,
            caller_address=caller_address,
        )

    @pages(list)
    def paginate(self) -> None:
        """Go through all items, page after page. Arguments as in `list`."""

    @api_method
    def count(
        self,
        *,
        state: State | None = None,
        kind: Kind | None = None,
        subscriber: str | None = None,
        since: str | int | None = None,
        bound: bool | None = None,
        fingerprint: str | None = None,
        caller_address: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Count]:
        """Count the sessions that match; exact up to a limit of the server."""
        selected = {
            "state": state,
            "kind": kind,
            "subscriber": subscriber,
            "since": since,
            "bound": bound,
            "fingerprint": fingerprint,
            "caller_address": caller_address,
        }
        path = path_of(*_FOLDER, "sessions", "count")
        return Call("GET", path, query=members(selected, extras), options=request_options)

    @api_method
    def revoke(
        self,
        *,
        kind: Kind | None = None,
        subscriber: str | None = None,
        since: str | int | None = None,
        bound: bool | None = None,
        fingerprint: str | None = None,
        caller_address: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[RevokedSessions]:
        """Revoke the active sessions that match; without a filter, all active ones.

        Each session has its own event. `sessions.revoke_project` revokes all in one step.
        """
        return delete_call(
            _SESSIONS,
            extras,
            request_options,
            state="active",
            kind=kind,
            subscriber=subscriber,
            since=since,
            bound=bound,
            fingerprint=fingerprint,
            caller_address=caller_address,
        )


class ManagedEvents(Resource[D]):
    """The audit trail."""

    @api_method
    def list(
        self,
        *,
        kind: str | Iterable[str] | None = None,
        subscriber: str | None = None,
        session: str | None = None,
        since: str | int | None = None,
        until: str | int | None = None,
        sort_order: Literal["asc", "desc"] | None = None,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[Event]]:
        """Read one page of the events that match.

        A page may have few items, or none, although its `links` have a `next`.

        Args:
            kind: One kind, or several.
            subscriber: The id or the reference of a subscriber.
            session: UUID of a session.
            since: ISO 8601 or Unix seconds: of that time or later.
            until: ISO 8601 or Unix seconds: before that time.
            sort_order: `desc`, newest first, if absent. Pages in `asc` skip no event.
            page_size: Items on a page; 50 if absent, at most 1000.
            page_number: Which page, from 0.
            page_token: Where a page begins, as found in `links`.
            extras: Further members of the query.
            request_options: How to send this call.
        """
        return list_call(
            path_of(*_FOLDER, "events"),
            extras,
            request_options,
            kind=kind if kind is None or isinstance(kind, str) else ",".join(kind),
            subscriber=subscriber,
            session=session,
            since=since,
            until=until,
            sort_order=sort_order,
            page_size=page_size,
            page_number=page_number,
            page_token=page_token,
        )

    @pages(list)
    def paginate(self) -> None:
        """Go through all items, page after page. Arguments as in `list`."""


class ManagedStats(Resource[D]):
    """What the project has, in numbers."""

    @api_method
    def get(
        self, *, extras: Extras | None = None, request_options: RequestOptions | None = None
    ) -> Call[Stats]:
        """Count what the project has; each count is exact up to a limit of the server."""
        path = path_of(*_FOLDER, "stats")
        return Call("GET", path, query=members({}, extras), options=request_options)
