"""`client.satmint.revocations`: the feed of what ends tokens before they expire."""

from __future__ import annotations

from typing import Any, overload

from satmint_sdk.rest._call import Call, Extras, members, path_of
from satmint_sdk.rest._drivers import AsyncDriver, SyncDriver
from satmint_sdk.rest._listening import AsyncListening, Listening
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._resource import D, Resource


class ManagedRevocations(Resource[D]):
    """The feed of revocations. `satmint_sdk.verify` follows it."""

    @overload
    def listen(
        self: ManagedRevocations[SyncDriver],
        *,
        after: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Listening: ...
    @overload
    def listen(
        self: ManagedRevocations[AsyncDriver],
        *,
        after: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> AsyncListening: ...
    def listen(
        self,
        *,
        after: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Listening | AsyncListening:
        """Follow the feed, as server-sent events: iterate over what this returns.

        It ends when the server stops, or after an hour: listen again, with the last cursor.

        Args:
            after: The cursor of the last event that had one, its `id`; from now on if absent.
            extras: Further members of the query.
            request_options: How to send this call. It is not retried.
        """
        call: Call[Any] = Call(
            "GET",
            path_of("api", "satmint", "revocations"),
            query=members({"after": after}, extras),
            options=request_options,
        )
        driver: SyncDriver | AsyncDriver = self._driver
        if isinstance(driver, AsyncDriver):
            return AsyncListening(driver, call)
        return Listening(driver, call)
