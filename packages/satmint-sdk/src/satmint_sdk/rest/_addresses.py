"""The methods below `client.fabric.addresses`.

Every method takes `extras`, laid over the query, and `request_options`. Every method ends in an
answer or in one of the errors of `satmint_sdk.rest.errors`.
"""

from __future__ import annotations

from typing import Final, Literal

from satmint_sdk.rest._call import Call, Extras, list_call, members, path_of
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._resource import D, Resource, api_method, pages
from satmint_sdk.rest.types import Address, Page

_FOLDER: Final = ("api", "fabric", "addresses")

AddressType = Literal["app", "room", "call", "subscriber"]


class FabricAddresses(Resource[D]):
    """The addresses of the project."""

    @api_method
    def list(
        self,
        *,
        type: AddressType | None = None,  # noqa: A002 - the wire's name
        display_name: str | None = None,
        name: str | None = None,
        sort_by: Literal["name", "created_at"] | None = None,
        sort_order: Literal["asc", "desc"] | None = None,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[Address]]:
        """Read one page of the addresses.

        Args:
            type: Only addresses of this kind.
            display_name: Only addresses shown so.
            name: Only addresses called so.
            sort_by: By what to sort.
            sort_order: Which way to sort.
            page_size: Items on a page; 50 if absent, at most 1000.
            page_number: Which page, from 0.
            page_token: Where a page begins, as found in `links`.
            extras: Further members of the query.
            request_options: How to send this call.
        """
        return list_call(
            path_of(*_FOLDER),
            extras,
            request_options,
            type=type,
            display_name=display_name,
            name=name,
            sort_by=sort_by,
            sort_order=sort_order,
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
        resource_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Address]:
        """Read one address."""
        return Call(
            "GET",
            path_of(*_FOLDER, resource_id),
            query=members({}, extras),
            options=request_options,
        )
