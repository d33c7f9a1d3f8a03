"""What must not be carried over a fork is renewed in the child.

A lock that another thread held at the fork stays locked for ever in the child, and a connection
that both processes write to mixes their bytes. Whoever owns such a thing registers here; the
registry holds its members weakly.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """Something that holds a lock, a connection or a secret of one process."""

    def renew_after_fork(self) -> None:
        """Drop what belongs to the parent. Called in the child, before any other code of it."""
        ...


_members: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def renew_in_children(member: ForkAware) -> None:
    """Have `member.renew_after_fork()` called in every process forked from now on."""
    _members.add(member)


def _after_fork_in_child() -> None:
    for member in list(_members):
        member.renew_after_fork()


if hasattr(os, "register_at_fork"):  # absent where the system knows no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
