"""Numbers of sessions, for sentences."""

from satmint.model.listing import BoundedCount


def counted(count: BoundedCount) -> str:
    """A bounded number of active sessions, at the beginning of a sentence."""
    if count.is_exact:
        return active_sessions(count.value)
    return f"At least {active_sessions(count.value)}" if count.value else "All active sessions"


def active_sessions(count: int) -> str:
    """An exact number of active sessions, at the beginning of a sentence."""
    return "1 active session" if count == 1 else f"{count or 'No'} active sessions"
