"""Create, rename and delete projects."""

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

import msgspec

from satmint.flows.service_context import ServiceContext
from satmint.model.events import EventKind, Origin
from satmint.model.records import Project
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable
from satmint.store.contract import COUNT_LIMIT, NotUnique, ProjectContents

__all__ = [
    "COUNT_LIMIT",
    "ProjectContents",
    "count_contents",
    "create_project",
    "delete_project",
    "rename_project",
    "replace_contents",
]

_ROWS_AT_ONCE: Final = 1000


async def create_project(services: ServiceContext, name: str) -> Project:
    """Create a project.

    Raises:
        Unprocessable: another project has this name.
    """
    project = Project(services.new_id(), name, services.clock.now())
    try:
        await services.store.projects.create(project, unique=True)
    except NotUnique as taken:
        raise _name_in_use(name) from taken
    return project


async def rename_project(
    services: ServiceContext, project: UUID, name: str, origin: Origin
) -> None:
    """Change the name of a project, which is recorded without the names.

    Raises:
        NotFound: there is no such project.
        Unprocessable: another project has this name.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.PROJECT_RENAMED, project, origin, now)
    try:
        renamed = await services.store.projects.rename(project, name, event)
    except NotUnique as taken:
        raise _name_in_use(name) from taken
    if not renamed:
        raise NotFound("project")


async def count_contents(services: ServiceContext, project: UUID) -> Mapping[str, int]:
    """How much a project has, each up to `COUNT_LIMIT`; see `ProjectStore.count_contents`."""
    return await services.store.projects.count_contents(project, services.clock.now())


async def delete_project(
    services: ServiceContext,
    project: UUID,
    origin: Origin,
    progress: Callable[[int], None] = lambda _rows: None,
) -> int:
    """Delete a project: all of its tokens stop working at once, then its rows go in small steps.

    If it is interrupted, a repeated call and the servers continue. The audit trail stays until its
    events are purged.

    Args:
        services: The context.
        project: The project, which may be deleted already.
        origin: Who deletes it.
        progress: Called with the number of deleted rows after each step.

    Returns:
        The number of deleted rows.

    Raises:
        NotFound: there is no such project.
    """
    now = services.clock.now()
    event = msgspec.structs.replace(
        services.new_event(EventKind.PROJECT_REVOKED, project, origin, now),
        cause="project_deleted",
    )
    if not await services.store.projects.delete(project, now, event):
        raise NotFound("project")
    removed, more = 0, True
    while more:
        step = await services.store.projects.delete_rows(project, _ROWS_AT_ONCE)
        removed, more = removed + step.removed, step.more
        progress(removed)
    return removed


async def replace_contents(
    services: ServiceContext, project: UUID, contents: ProjectContents, origin: Origin
) -> None:
    """Delete everything in a project but its audit trail, and insert `contents`.

    All of its sessions end, and counts of rate limits begin anew, for every project of this
    process. It is for the demo project of a development server.

    Raises:
        NotFound: there is no such project.
    """
    now = services.clock.now()
    event = services.new_event(EventKind.PROJECT_REVOKED, project, origin, now)
    if not await services.store.projects.replace_contents(project, contents, now, event):
        raise NotFound("project")
    services.limits.reset()


def _name_in_use(name: str) -> Unprocessable:
    message = f"There is already a project named {name}: choose another name"
    return Unprocessable(FieldError(Code.NOT_UNIQUE_WITHIN_PROJECT, message, "name"))
