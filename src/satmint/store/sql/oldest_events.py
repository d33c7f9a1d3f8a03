"""The oldest event of each project."""

from typing import Final

OLDEST_EVENTS: Final = (
    "SELECT (SELECT event_id FROM events WHERE events.project_id = projects.project_id"
    " ORDER BY event_id LIMIT 1) AS event_id FROM projects"
)
"""One row for each project, by the primary key of its events; NULL: it has none."""
