"""Tries a copy with samples of every kind, by the code that a server answers requests with.

Nothing is written, and no token of a user is spent: the copy has to stay what its source was.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from satmint.flows.service_context import ServiceContext
from satmint.flows.webhooks import open_secret
from satmint.model.lifetimes import REFRESH_TOKEN_GRACE_SECONDS
from satmint.model.rotation import RefreshTokenRef, Refused, decide_rotation
from satmint.store.contract.copying import CopiedRow, CopiedTable

_OF_EACH_KIND: Final = 5
_TABLES: Final = frozenset({"api_tokens", "c2c_tokens", "sessions", "webhooks"})

Sample = Mapping[str, Any]
"""A row by the names of its columns."""


class SampleLost(Exception):
    """The copy does not answer for a sample as its source did. The message names it."""


class Samples:
    """A few rows of every kind, chosen while tables are compared."""

    def __init__(self, now: int) -> None:
        """Begin without any.

        Args:
            now: Unix seconds: sessions that have ended by then are no samples.
        """
        self._now = now
        self._found: dict[str, list[Sample]] = {}

    def choose(self, table: CopiedTable, rows: Sequence[CopiedRow]) -> None:
        """Choose from a batch of rows."""
        if table.name not in _TABLES:
            return
        columns = table.columns
        kind = columns.index("kind") if table.name == "sessions" else None
        revoked = columns.index("revoked_at") if table.name == "sessions" else None
        until = columns.index("head_expires_at") if table.name == "sessions" else None
        for row in rows:
            name = table.name
            if kind is not None and revoked is not None and until is not None:
                if row[revoked] is not None:
                    continue
                last = row[until]
                if not isinstance(last, int) or last + REFRESH_TOKEN_GRACE_SECONDS <= self._now:
                    continue
                name = f"{row[kind]!s}_sessions"
            found = self._found.setdefault(name, [])
            if len(found) < _OF_EACH_KIND:
                found.append(dict(zip(columns, row, strict=True)))

    async def try_in(self, services: ServiceContext) -> dict[str, int]:
        """Look the samples up in the copy; return how many there were of each kind.

        Args:
            services: The context of the flows, on the copy and with its keyring.

        Raises:
            SampleLost: one of them cannot be used there.
        """
        for name, samples in self._found.items():
            for sample in samples:
                project = UUID(bytes=sample["project_id"])
                if not await self._is_good(services, name, project, sample):
                    raise SampleLost(f"one of the {name.replace('_', ' ')} of project {project}")
        return {name: len(samples) for name, samples in sorted(self._found.items())}

    async def _is_good(
        self, services: ServiceContext, name: str, project: UUID, sample: Sample
    ) -> bool:
        projects = services.store.projects
        match name:
            case "api_tokens":
                api_token = await projects.api_token_by_digest(project, sample["digest"])
                return api_token is not None and api_token.id.bytes == sample["token_id"]
            case "c2c_tokens":
                c2c_token = await projects.c2c_token_by_digest(sample["digest"])
                return c2c_token is not None and c2c_token.id.bytes == sample["token_id"]
            case "webhooks":
                webhook = await services.store.webhooks.get(
                    project, UUID(bytes=sample["webhook_id"])
                )
                return webhook is not None and open_secret(services.secret_box, webhook) is not None
            case _:
                return await self._is_refreshed(services, project, sample)

    async def _is_refreshed(self, services: ServiceContext, project: UUID, sample: Sample) -> bool:
        """Whether the session is the same, and its refresh token would be decided about.

        Its subscriber or project may have been revoked, and then it is refused, as in the source.
        """
        session = UUID(bytes=sample["session_id"])
        stored = await services.store.sessions.get(project, session)
        if stored is None or stored.session.head.generation != sample["generation"]:
            return False
        ref = RefreshTokenRef(
            project, session, sample["generation"], sample["subscriber_epoch"], sample["jkt"]
        )
        decision = decide_rotation(
            stored.state, ref, self._now, services.policy.replay_seconds, stored.measured_at
        )
        return isinstance(decision, Refused) or not decision.revokes
