"""The management operation for API tokens: the list with their last use."""

from typing import Final

from satmint.flows.credentials import list_api_tokens
from satmint.http.answers import ListOf
from satmint.http.call import Call
from satmint.http.management_answers import ApiTokenUseAnswer, show_api_token_use
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.http.paging import PAGING_QUERY, by_creation, page_of, read_window

_PATH: Final = "/api/satmint/api-tokens"


async def _list(context: HandlerContext, call: Call) -> object:
    query = call.query()
    page = await list_api_tokens(context.services.store, call.caller.project, read_window(query))
    url = f"{context.public_url}{_PATH}"
    return page_of(page, query, url, show_api_token_use, by_creation)


OPERATIONS: Final = (
    Operation(
        id="list-api-tokens",
        method="GET",
        path=_PATH,
        tag="Management",
        summary="List API tokens, with their last use",
        description=(
            "The last use is exact to the hour, and recorded in the background: a use may be"
            " missing if the database could not be written before the server stopped."
        ),
        authentication=Authentication.API_TOKEN_MANAGEMENT,
        handler=_list,
        answer=ListOf[ApiTokenUseAnswer],
        query=PAGING_QUERY,
    ),
)
