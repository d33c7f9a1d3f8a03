"""The soak's crowd and its checker, on a cluster under Patroni."""

import asyncio
from pathlib import Path
from uuid import UUID

from tests.failover.clients import check_clients
from tests.failover.course import Course
from tests.kit.postgres import execute
from tests.soak.trial import Outcome, play
from tests.soak.troubles import Plan

_HEADS = "SELECT session_id, generation FROM sessions"


async def play_failovers(course: Course, plan: Plan, folder: Path) -> tuple[Outcome, list[str]]:
    """Try all faults of a course under load.

    Args:
        course: The cluster, and what happens to it.
        plan: The load beside the course's own clients.
        folder: For the keyring and the servers' logs.

    Returns:
        What the soak's checker found, and what is wrong with what the clients were told.
    """
    url = await asyncio.to_thread(course.cluster.new_database)
    outcome = await play(plan, folder, url, course=course.run)
    rows = await asyncio.to_thread(execute, url, _HEADS)
    heads: dict[UUID, int] = {UUID(str(session)): head for session, head in rows}
    return outcome, check_clients(course.ended, course.log, heads)
