"""How often the Click-to-Call tokens of a project were used in the last day."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from satmint.flows.service_context import ServiceContext
from satmint.flows.session_queries import list_project_sessions
from satmint.model.listing import Window
from satmint.model.session_filter import SessionFilter

_SECONDS: Final = 86_400
"""Sessions are listed for a day after their last token has expired, so that none is missing."""
_EXAMINED: Final = 3000
"""How many sessions are read at most, of any kind: no index finds those of visitors alone."""


@dataclass(frozen=True, slots=True)
class C2cUses:
    """Exchanges of Click-to-Call tokens for embed tokens in the last day, counted up to a limit."""

    counts: Mapping[UUID, int]
    """By Click-to-Call token; those without a use are missing."""
    is_exact: bool
    """Whether the whole day was counted. Otherwise there are at least that many."""

    def of(self, token: UUID) -> int:
        """How often a token was used."""
        return self.counts.get(token, 0)


async def count_uses(services: ServiceContext, project: UUID) -> C2cUses:
    """Count the uses of a project's Click-to-Call tokens: each opens the session of a visitor."""
    wanted = SessionFilter(since=services.clock.now() - _SECONDS)
    window = Window(_EXAMINED, descending=True)
    page = await list_project_sessions(services, project, wanted, window)
    counts = Counter(one.c2c_token for one in page.items if one.c2c_token is not None)
    return C2cUses(counts, not page.more_after)
