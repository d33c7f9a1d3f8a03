"""Explanations of the codes of lists; see `satmint.http.explanations`."""

from collections.abc import Mapping
from typing import Final

from satmint.http.explanation import Explanation
from satmint.model.refusals import Code, FieldError

LISTS: Final[Mapping[Code, Explanation]] = {
    Code.PAGE_TOKEN_IS_INVALID: Explanation(
        title="Invalid page token",
        meaning="The `page_token` was not issued for this list in this order.",
        when=(
            "The page token was truncated, altered or made up.",
            "The page token comes from a list with another order.",
        ),
        remedy=("Follow `links.next` unchanged, or start again without `page_token`.",),
        field_error=FieldError(Code.PAGE_TOKEN_IS_INVALID, "Page Token is invalid", "page_token"),
    ),
    Code.PAGE_TOKEN_REQUIRED: Explanation(
        title="Page token required",
        meaning="A `page_number` above 0 was sent without a `page_token`.",
        when=("A client counts pages instead of following the links.",),
        remedy=(
            "Follow `links.next` unchanged: it has a `page_token`.",
            "To start again, omit `page_number` and `page_token`.",
        ),
        field_error=FieldError(
            Code.PAGE_TOKEN_REQUIRED,
            "Page Token is required if Page Number is greater than 0",
            "page_token",
        ),
    ),
}
