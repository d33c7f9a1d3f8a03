"""The methods below `client.project.tokens`. They need an API token with `management`.

Every method takes `extras`, further members of the body (of the query, if there is no body), and
`request_options`. Every method ends in an answer or in one of the errors of
`satmint_sdk.rest.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from satmint_sdk.rest._call import Call, Extras, delete_call, list_call, members, path_of
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._resource import D, Resource, api_method, group, pages
from satmint_sdk.rest.types import Nothing, Page, Permission, ProjectToken

_FOLDER: Final = ("api", "project", "tokens")


class ProjectTokens(Resource[D]):
    """The API tokens of the project."""

    @api_method
    def list(
        self,
        *,
        page_size: int | None = None,
        page_number: int | None = None,
        page_token: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Page[ProjectToken]]:
        """Read one page of the API tokens, whose texts are masked.

        Args:
            page_size: Items on a page; 50 if absent, at most 1000.
            page_number: Which page, from 0; above 0 with `page_token`.
            page_token: Where a page begins, as found in `links`.
            extras: Further members of the query.
            request_options: How to send this call.
        """
        return list_call(
            path_of(*_FOLDER),
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
        name: str,
        permissions: Sequence[Permission],
        subproject_id: str | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[ProjectToken]:
        """Create an API token. Only this response contains its text.

        Args:
            name: What people call it.
            permissions: What it may be used for.
            subproject_id: UUID of a subproject that it belongs to.
            extras: Further members of the body.
            request_options: How to send this call.
        """
        named = {
            "name": name,
            "permissions": list(permissions),
            "subproject_id": subproject_id,
        }
        return Call("POST", path_of(*_FOLDER), body=members(named, extras), options=request_options)

    @api_method
    def update(
        self,
        token_id: str,
        *,
        name: str | None = None,
        permissions: Sequence[Permission] | None = None,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[ProjectToken]:
        """Change the name or the permissions of an API token, whichever is given."""
        named = {
            "name": name,
            "permissions": None if permissions is None else list(permissions),
        }
        return Call(
            "PATCH",
            path_of(*_FOLDER, token_id),
            body=members(named, extras),
            options=request_options,
            repeatable=True,  # it sets members to values, and so does it twice
        )

    @api_method
    def delete(
        self,
        token_id: str,
        *,
        extras: Extras | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Nothing]:
        """Delete an API token; it is invalid at once."""
        return delete_call(path_of(*_FOLDER, token_id), extras, request_options)


class Project(Resource[D]):
    """Everything below `/api/project`."""

    tokens: ProjectTokens[D] = group(ProjectTokens)
