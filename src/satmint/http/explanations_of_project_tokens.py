"""Explanations of the codes of API tokens; see `satmint.http.explanations`."""

from collections.abc import Mapping
from typing import Final

from satmint.http.explanation import Explanation
from satmint.model.permissions import Permission
from satmint.model.refusals import Code, FieldError

PROJECT_TOKENS: Final[Mapping[Code, Explanation]] = {
    Code.INVALID_AUTH_TOKEN_PERMISSIONS: Explanation(
        title="Unknown permission",
        meaning="The request names a permission that does not exist.",
        when=("An item of `permissions` is misspelled, or is `voice`: use `calling`.",),
        remedy=("Use the names that `message` lists.",),
        field_error=FieldError(
            Code.INVALID_AUTH_TOKEN_PERMISSIONS,
            f"Permissions must be out of: {', '.join(Permission)}",
            "permissions",
        ),
    ),
    Code.INVALID_SUBPROJECT_ID: Explanation(
        title="Invalid subproject",
        meaning="`subproject_id` is not the id of the caller's project.",
        when=("A script creates API tokens for a subproject, which this server does not have.",),
        remedy=(
            "Omit `subproject_id`.",
            "Create a project instead of a subproject, and API tokens with its credentials.",
        ),
        field_error=FieldError(
            Code.INVALID_SUBPROJECT_ID,
            "Subproject Id must be the id of this project: there are no subprojects",
            "subproject_id",
        ),
    ),
}
