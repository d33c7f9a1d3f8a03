"""The groups of `client.satmint` for addresses, Click-to-Call tokens and API tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from satmint_sdk.rest._addresses import AddressType
from satmint_sdk.rest._call import Call, Extras, delete_call, list_call, members, path_of
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._resource import D, Resource, api_method, pages
from satmint_sdk.rest.types import (
    Address,
    ApiTokenUse,
    Channel,
    ClickToCallToken,
    NewClickToCallToken,
    Nothing,
    Page,
)

_ADDRESSES: Final = ("api", "satmint", "addresses")
_C2C: Final = ("api", "satmint", "c2c-tokens")
_API_TOKENS: Final = ("api", "satmint", "api-tokens")


class ManagedAddresses(Resource[D]):
    """Addresses, to make and to change. `client.fabric.addresses` reads them."""

    @api_method
    def create(
        self,
        *,
        name: str,
        type: AddressType,  # noqa: A002 - the wire's name
        context: str | None = None,
        display_name: str | None = None,
        channels: Sequence[Channel] | None = None,
        cover_url: str | None = None,
        preview_url: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Address]:
        """Create an address.

        Args:
            name: The last part of `/context/name`.
            type: The kind of the address.
            context: The first part of `/context/name`; `public` if absent.
            display_name: The name to display; `name` if absent.
            channels: How it is reached; in every way if absent.
            cover_url: URL of a cover image.
            preview_url: URL of a preview image.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        named = {
            "name": name,
            "type": type,
            "context": context,
            "display_name": display_name,
            "channels": None if channels is None else list(channels),
            "cover_url": cover_url,
            "preview_url": preview_url,
        }
        return Call(
            "POST", path_of(*_ADDRESSES), body=members(named, extras), options=request_options
        )

    @api_method
    def update(
        self,
        address_id: str,
        *,
        name: str | None = None,
        type: AddressType | None = None,  # noqa: A002 - the wire's name
        locked: bool | None = None,
        context: str | None = None,
        display_name: str | None = None,
        channels: Sequence[Channel] | None = None,
        cover_url: str | None = None,
        preview_url: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Address]:
        """Update the given members of an address, or lock or unlock it. Members as in `create`.

        Args:
            address_id: UUID of the address.
            name: See `create`, as all that follow but `locked`.
            type: See `create`.
            locked: Whether the address is locked.
            context: See `create`.
            display_name: See `create`.
            channels: See `create`.
            cover_url: See `create`.
            preview_url: See `create`.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        named = {
            "name": name,
            "type": type,
            "locked": locked,
            "context": context,
            "display_name": display_name,
            "channels": None if channels is None else list(channels),
            "cover_url": cover_url,
            "preview_url": preview_url,
        }
        return Call(
            "PATCH",
            path_of(*_ADDRESSES, address_id),
            body=members(named, extras),
            options=request_options,
            repeatable=True,  # it sets members to values, and so does it twice
        )

    @api_method
    def delete(
        self,
        address_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Nothing]:
        """Delete an address."""
        return delete_call(path_of(*_ADDRESSES, address_id), extras, request_options)


class ManagedClickToCallTokens(Resource[D]):
    """Click-to-Call tokens, which visitors of web pages exchange for access tokens."""

    @api_method
    def list(
        self,
        *,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[ClickToCallToken]]:
        """Read one page of the tokens, without their texts.

        Args:
            page_size: Items on a page; 50 if absent, at most 1000.
            page_number: Which page, from 0.
            page_token: Where a page begins, as found in `links`.
            extras: Further members of the query.
            request_options: How to send this call.
        """
        return list_call(
            path_of(*_C2C),
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
    def create(
        self,
        *,
        address_id: str,
        name: str | None = None,
        origins: Sequence[str] | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[NewClickToCallToken]:
        """Create a token. Only this response contains its text.

        Args:
            address_id: UUID of the address that visitors may reach.
            name: What people call it.
            origins: Web origins that may use the token; any if absent.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        named = {
            "address_id": address_id,
            "name": name,
            "origins": None if origins is None else list(origins),
        }
        return Call("POST", path_of(*_C2C), body=members(named, extras), options=request_options)

    @api_method
    def disable(
        self,
        token_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[ClickToCallToken]:
        """Disable a token permanently."""
        return Call(
            "POST",
            path_of(*_C2C, token_id, "disable"),
            query=members({}, extras),
            options=request_options,
            repeatable=True,
        )

    @api_method
    def delete(
        self,
        token_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Nothing]:
        """Delete a token."""
        return delete_call(path_of(*_C2C, token_id), extras, request_options)


class ManagedApiTokens(Resource[D]):
    """The API tokens of the project, with their last use; see also `project.tokens`."""

    @api_method
    def list(
        self,
        *,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[ApiTokenUse]]:
        """Read one page of the API tokens, masked, each with the hour of its last use.

        Args:
            page_size: Items on a page; 50 if absent, at most 1000.
            page_number: Which page, from 0; above 0 with `page_token`.
            page_token: Where a page begins, as found in `links`.
            extras: Further members of the query.
            request_options: How to send this call.
        """
        return list_call(
            path_of(*_API_TOKENS),
            extras,
            request_options,
            page_size=page_size,
            page_number=page_number,
            page_token=page_token,
        )

    @pages(list)
    def paginate(self) -> None:
        """Go through all items, page after page. Arguments as in `list`."""
