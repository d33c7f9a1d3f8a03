"""Resets state in a forked child.

A lock that another thread held at the fork stays locked for ever in the child, and a connection
that both processes write to mixes their bytes. Owners of such objects register here; the registry
holds weak references.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """An owner of a lock, a connection or a secret of one process."""

    def renew_after_fork(self) -> None:
        """Discard the parent's state. Called in the child, before any other code."""
        ...


_members: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def renew_in_children(member: ForkAware) -> None:
    """Call `member.renew_after_fork()` in every child process forked from now on."""
    _members.add(member)


def _after_fork_in_child() -> None:
    for member in list(_members):
        member.renew_after_fork()


if hasattr(os, "register_at_fork"):  # absent on systems without fork
    os.register_at_fork(after_in_child=_after_fork_in_child)
