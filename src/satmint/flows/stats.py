"""Counts what a project has."""

from uuid import UUID

from satmint.flows.service_context import ServiceContext
from satmint.model.stats import ProjectStats


async def project_stats(services: ServiceContext, project: UUID) -> ProjectStats:
    """The numbers of a project's records, each counted up to a limit."""
    return await services.store.stats.of_project(project, services.clock.now())
