"""Limits the authenticated connections of a project, a session and a Click-to-Call token.

A page with a Click-to-Call token is public, and the link of a guest or an invitee may be shared.
Their connections together get a part of their project's, so that its subscribers always find room;
and no single token can take the room of the others.
"""

from collections import Counter
from enum import Enum
from typing import Final
from uuid import UUID

from satmint.gateway.metrics import Limits
from satmint.model.live import Admission

PROJECT_FULL: Final = "too_many_connections"
TEMPORARY_FULL: Final = "too_many_temporary_connections"
SESSION_FULL: Final = "too_many_session_connections"
C2C_TOKEN_FULL: Final = "too_many_click_to_call_connections"  # noqa: S105 - a cause


class _Scope(Enum):
    """What a limit applies to."""

    PROJECT = PROJECT_FULL
    TEMPORARY = TEMPORARY_FULL
    """The guests, invitees and embed visitors of a project together."""
    SESSION = SESSION_FULL
    C2C_TOKEN = C2C_TOKEN_FULL


_Key = tuple[_Scope, UUID, UUID]
"""A scope, a project, and an id in it."""


class ConnectionQuotas:
    """Counts the authenticated connections of this process; see the module."""

    def __init__(self, limits: Limits) -> None:
        self._limits = {
            _Scope.PROJECT: limits.per_project,
            _Scope.TEMPORARY: limits.per_project * limits.temporary_percent // 100,
            _Scope.SESSION: limits.per_session,
            _Scope.C2C_TOKEN: limits.per_c2c_token,
        }
        self._counts: Counter[_Key] = Counter()

    def __len__(self) -> int:
        """The number of counters in use: zero without connections."""
        return len(self._counts)

    def refusal(self, new: Admission, current: Admission | None) -> str | None:
        """The cause for which `new` must be refused; None: every limit leaves room for it.

        Args:
            new: The admission.
            current: The admission that it replaces on its connection; None for a new connection.
        """
        counted = () if current is None else _keys(current)
        for key in _keys(new):
            scope = key[0]
            if key not in counted and self._counts[key] >= self._limits[scope]:
                return scope.value
        return None

    def update(self, previous: Admission | None, current: Admission | None) -> None:
        """Count a connection whose admission has changed; None: it is not authenticated."""
        if current is not None:
            self._counts.update(_keys(current))
        if previous is not None:
            for key in _keys(previous):
                self._counts[key] -= 1
                if not self._counts[key]:
                    del self._counts[key]


def _keys(admission: Admission) -> tuple[_Key, ...]:
    """The counters of an admission, in the order in which their limits are checked."""
    project = admission.project
    keys: list[_Key] = [(_Scope.PROJECT, project, project)]
    if not admission.reachable:
        keys.append((_Scope.TEMPORARY, project, project))
    if admission.c2c_token is not None:
        keys.append((_Scope.C2C_TOKEN, project, admission.c2c_token))
    keys.append((_Scope.SESSION, project, admission.session))
    return tuple(keys)
