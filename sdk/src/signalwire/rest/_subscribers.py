"""The methods below `client.fabric.subscribers`.

Every method takes `extras`, laid over the body (over the query, where there is no body), and
`request_options`. Every method ends in an answer or in one of the errors of
`signalwire.rest.errors`.
"""

from __future__ import annotations

from typing import Final

from signalwire.rest._call import Call, Extras, members, path_of
from signalwire.rest._endpoint import D, Resource, endpoint, pages
from signalwire.rest._options import RequestOptions
from signalwire.rest.types import Address, Nothing, Page, Subscriber

_FOLDER: Final = ("api", "fabric", "resources", "subscribers")


class FabricSubscribers(Resource[D]):
    """The subscribers of the project."""

    @endpoint
    def list(
        self,
        *,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[Subscriber]]:
        """Read one page of the subscribers.

        Args:
            page_size: Items on a page; 50 if absent, at most 1000.
            page_number: Which page, from 0.
            page_token: Where a page begins, as found in `links`.
            extras: Further members of the query.
            request_options: How to send this call.
        """
        paging = {"page_size": page_size, "page_number": page_number, "page_token": page_token}
        return Call(
            "GET", path_of(*_FOLDER), query=members(paging, extras), options=request_options
        )

    paginate = pages(list)

    @endpoint
    def create(
        self,
        *,
        email: str,
        password: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        display_name: str | None = None,
        job_title: str | None = None,
        timezone: str | None = None,
        country: str | None = None,
        region: str | None = None,
        company_name: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Subscriber]:
        """Make a subscriber.

        Args:
            email: The address, which becomes the subscriber's reference too.
            password: 8 to 72 bytes; drawn by the server if absent.
            first_name: Like all members up to `company_name`: what it says.
            last_name: See `first_name`.
            display_name: See `first_name`.
            job_title: See `first_name`.
            timezone: See `first_name`. Token requests call it `time_zone`.
            country: See `first_name`.
            region: See `first_name`.
            company_name: See `first_name`.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        named = {
            "email": email,
            "password": password,
            "first_name": first_name,
            "last_name": last_name,
            "display_name": display_name,
            "job_title": job_title,
            "timezone": timezone,
            "country": country,
            "region": region,
            "company_name": company_name,
        }
        return Call("POST", path_of(*_FOLDER), body=members(named, extras), options=request_options)

    @endpoint
    def get(
        self,
        resource_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Subscriber]:
        """Read one subscriber."""
        return Call(
            "GET",
            path_of(*_FOLDER, resource_id),
            query=members({}, extras),
            options=request_options,
        )

    @endpoint
    def update(
        self,
        resource_id: str,
        /,
        *,
        password: str | None = None,
        email: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        display_name: str | None = None,
        job_title: str | None = None,
        timezone: str | None = None,
        country: str | None = None,
        region: str | None = None,
        company_name: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Subscriber]:
        """Change the members given, and no others. Members as in `create`."""
        named = {
            "password": password,
            "email": email,
            "first_name": first_name,
            "last_name": last_name,
            "display_name": display_name,
            "job_title": job_title,
            "timezone": timezone,
            "country": country,
            "region": region,
            "company_name": company_name,
        }
        return Call(
            "PUT",
            path_of(*_FOLDER, resource_id),
            body=members(named, extras),
            options=request_options,
        )

    @endpoint
    def delete(
        self,
        resource_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Nothing]:
        """Delete a subscriber, and with it every session of that subscriber."""
        return Call(
            "DELETE",
            path_of(*_FOLDER, resource_id),
            query=members({}, extras),
            options=request_options,
        )

    @endpoint
    def list_addresses(
        self,
        resource_id: str,
        *,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[Address]]:
        """Read one page of the addresses of a subscriber. Arguments as in `list`."""
        paging = {"page_size": page_size, "page_number": page_number, "page_token": page_token}
        return Call(
            "GET",
            path_of(*_FOLDER, resource_id, "addresses"),
            query=members(paging, extras),
            options=request_options,
        )
