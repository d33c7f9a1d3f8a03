"""The methods below `client.fabric.resources`.

Every method takes `extras`, further members of the query, and `request_options`. Every method
raises the errors of `satmint_sdk.rest.errors`.
"""

from __future__ import annotations

from typing import Final

from satmint_sdk.rest._call import Call, Extras, delete_call, list_call, members, path_of
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._resource import D, Resource, api_method, pages
from satmint_sdk.rest.types import Address, AnyResource, Nothing, Page

_FOLDER: Final = ("api", "fabric", "resources")


class FabricResources(Resource[D]):
    """The resources of the project: subscribers and conference rooms."""

    @api_method
    def list(
        self,
        *,
        type: str | None = None,  # noqa: A002 - the wire's name
        display_name: str | None = None,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[AnyResource]]:
        """Read one page of the resources.

        Args:
            type: Only resources of this type: `subscriber` or `video_room`.
            display_name: Only resources with this display name.
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
        id: str,  # noqa: A002 - the vendor's name
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[AnyResource]:
        """Read one resource."""
        return Call(
            "GET", path_of(*_FOLDER, id), query=members({}, extras), options=request_options
        )

    @api_method
    def delete(
        self,
        id: str,  # noqa: A002 - the vendor's name
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Nothing]:
        """Delete a subscriber and its sessions, or a conference room and its address."""
        return delete_call(path_of(*_FOLDER, id), extras, request_options)

    @api_method
    def list_addresses(
        self,
        id: str,  # noqa: A002 - the vendor's name
        *,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[Address]]:
        """Read one page of the addresses of a resource. Arguments as in `list`."""
        return list_call(
            path_of(*_FOLDER, id, "addresses"),
            extras,
            request_options,
            page_size=page_size,
            page_number=page_number,
            page_token=page_token,
        )
