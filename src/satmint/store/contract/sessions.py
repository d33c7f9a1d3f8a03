"""What a store promises of sessions: the reason why there is a store."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.listing import Page, Window
from satmint.model.possession import Grant, Judgement, Possession
from satmint.model.records import (
    Session,
    SessionStanding,
)
from satmint.model.rotation import Presented, Verdict
from satmint.store.contract.accounts import NewSubscriber, SubscriberChange


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be opened; its head is generation 0."""

    id: UUID
    expires_at: int
    """`exp` of its first SAT."""
    deadline: int
    jkt: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """What `open_*` hands back: enough to write the claims."""

    subscriber: UUID
    epoch: int


class SessionStore(Protocol):
    """Sessions: the reason why there is a store."""

    async def open_for_reference(
        self,
        project: UUID,
        subscriber: NewSubscriber,
        change: SubscriberChange,
        session: NewSession,
        now: int,
        event: Event,
    ) -> Opened:
        """Open a session for the subscriber that a backend names by `reference`.

        Creates the subscriber where there is none, else sets the given fields; then opens the
        session and records `event`: all or nothing. However many callers name one new reference
        at once, one subscriber is created and all get a session of it.

        Raises:
            NotUnique: the e-mail address belongs to another subscriber of the project.
        """
        ...

    async def open_temporary(
        self,
        project: UUID,
        subscriber: UUID,
        kind: Kind,
        session: NewSession,
        now: int,
        event: Event,
    ) -> Opened:
        """Open a session for a new temporary subscriber, which ends with its last session."""
        ...

    async def rotate(
        self, presented: Presented, expires_at: int, now: int, replay_cap: int | None, event: Event
    ) -> Verdict:
        """Decide what presenting a refresh token means, and do it, in one step.

        The rules are those of `satmint.model.rotation.judge`. However many callers present one
        token at once, at most one ever gets `Rotated`; the others get `Replayed` with the same
        head. Refresh and revoke contend for the same row: once a revocation has returned, no
        rotation of that session succeeds.

        Args:
            presented: The opened token.
            expires_at: `exp` of the next SAT; cut to the session's deadline.
            now: Unix seconds.
            replay_cap: See `judge`.
            event: Recorded with its kind, generation and cause set by the verdict.
        """
        ...

    async def prove(
        self, shown: Possession, grant: Grant | None, now: int, event: Event, binding: Event
    ) -> Judgement:
        """Decide what a proof of possession means for a session, and do it, in one step.

        In this order: the session stands, as for `rotate`; its key is the one shown, or it has none
        yet and is bound to it now, by compare-and-set; the proof was not used before, or by this
        same request at most `MOST_RESENDS` times; the deadline leaves room for the grant. Then the
        proof is remembered until `shown.forget_at`, `lives_until` covers the grant, and the events
        are recorded: `binding` where the session was bound by this, `event` where anything was
        granted. A re-sent request changes nothing but its own count.

        A key that is not the session's changes nothing but the audit trail, which gets `event` with
        the kind `KEY_MISMATCH`: somebody holds a token that is not theirs. Every other refusal
        writes nothing at all. However many callers show different keys to an unbound session at
        once, one of them binds it.

        Args:
            shown: Token and proof.
            grant: The times of the Client Bound SAT that is asked for; None: the proof alone is to
                be judged and used up.
            now: Unix seconds.
            event: Of the grant.
            binding: Of the binding.
        """
        ...

    async def standing(self, project: UUID, session: UUID) -> SessionStanding | None:
        """A session and its subscriber's epoch, never older than the last write that returned."""
        ...

    def note_seen(self, presented: Presented) -> None:
        """Record that a SAT of this generation was accepted, if it is the head's.

        Does not wait and cannot fail; a record lost in a crash only makes a later lost answer
        look innocent for longer.
        """
        ...

    async def list(self, project: UUID, subscriber: UUID, window: Window) -> Page[Session]:
        """A subscriber's sessions that still have a living token or were revoked lately."""
        ...

    async def revoke(self, project: UUID, session: UUID, now: int, event: Event) -> bool:
        """Revoke one session. Returns whether there is such a session; twice is as good as once."""
        ...

    async def revoke_key(
        self, project: UUID, subscriber: UUID, jkt: str, now: int, event: Event
    ) -> int:
        """Revoke a subscriber's sessions that are bound to a key. Returns how many were live."""
        ...

    async def revoke_subscriber(
        self, project: UUID, subscriber: UUID, now: int, event: Event
    ) -> int | None:
        """Raise a subscriber's epoch and revoke its sessions: everything issued so far is dead.

        Returns how many sessions were live; None where there is no such subscriber.
        """
        ...

    async def revoke_project(self, project: UUID, now: int, event: Event) -> None:
        """Revoke every session that the project has, however many, in one small step.

        Sessions that are opened afterwards are not touched.
        """
        ...
