"""Who looks at the console: the operator of the deployment, or the manager of one project."""

from uuid import UUID

import msgspec


class Operator(msgspec.Struct, frozen=True, tag="operator"):
    """Who runs the deployment, and sees all of it."""

    @property
    def label(self) -> str:
        """For pages and audit events."""
        return "operator"

    def sees(self, project: UUID) -> bool:  # noqa: ARG002 - the signature of `Manager.sees`
        """Whether a project may be shown."""
        return True


class Manager(msgspec.Struct, frozen=True, tag="manager"):
    """Who has an API token with the permission `management`, and sees its project only."""

    project: UUID
    api_token: UUID
    """The id of the API token. Each request checks that it still exists."""

    @property
    def label(self) -> str:
        """For pages and audit events."""
        return "manager"

    def sees(self, project: UUID) -> bool:
        """Whether a project may be shown."""
        return project == self.project


Viewer = Operator | Manager
