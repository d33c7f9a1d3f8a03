"""What the search and the filters of the page of sessions ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from uuid import UUID

from satmint.console.context import ConsoleContext
from satmint.console.request import ConsoleRequest
from satmint.http.resources.manage_project_sessions import read_session_filter
from satmint.model.ids import as_uuid
from satmint.model.naming import is_fingerprint
from satmint.model.session_filter import SessionFilter

FILTERS: Final = ("search", "state", "kind", "bound", "since")
"""The parameters of the page's query."""
PERIODS: Final = {"1h": 3600, "24h": 86_400, "7d": 7 * 86_400}
"""Seconds by the value of `since`."""


@dataclass(frozen=True, slots=True)
class SessionSearch:
    """A search, as it was understood."""

    wanted: SessionFilter
    query: Mapping[str, str]
    """The parameters that lead to it."""
    problem: str = ""
    """Why nothing can be found."""
    session: UUID | None = None
    """The only session that is meant."""

    @property
    def active(self) -> SessionFilter | None:
        """The active ones of what it finds; None: it finds none."""
        return None if self.problem else self.wanted.active()

    @property
    def is_everything(self) -> bool:
        """Whether it leaves no session out."""
        return self.wanted == SessionFilter() and not self.problem


async def read_search(
    context: ConsoleContext, request: ConsoleRequest, entered: Mapping[str, str]
) -> SessionSearch:
    """Read the search and the filters of a query or a form.

    Args:
        context: The console's.
        request: Of the project.
        entered: The parameters by name; those of other names are left out.
    """
    query = {name: entered[name] for name in FILTERS if entered.get(name)}
    text = query.get("search", "").strip()
    parameters: dict[str, str] = {
        name: query[name] for name in ("state", "kind", "bound") if name in query
    }
    if "since" in query:
        seconds = PERIODS.get(query["since"])
        # What is none of the periods is refused, as other unknown values are.
        now = context.services.clock.now()
        parameters["since"] = query["since"] if seconds is None else str(now - seconds)
    identifier = as_uuid(text)
    if identifier is not None:
        store, project = context.services.store, request.project.id
        if await store.sessions.get(project, identifier) is not None:
            return SessionSearch(SessionFilter(), query, session=identifier)
    if text:
        parameters[_meaning(text)] = text
    wanted, errors = await read_session_filter(context.services, request.project.id, parameters)
    problem = " ".join(f"{error.message}." for error in errors)
    return SessionSearch(wanted, query, problem)


def _meaning(text: str) -> str:
    """The filter that a searched text is meant for."""
    if is_fingerprint(text):
        return "fingerprint"
    try:
        ip_address(text)
    except ValueError:
        return "subscriber"
    return "caller_address"
