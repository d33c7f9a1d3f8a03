"""The store's contract for sessions."""

from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

import msgspec

from satmint.model.claims import Kind
from satmint.model.events import Event
from satmint.model.idempotency import KeyedRequest
from satmint.model.listing import BoundedCount, Page, Window
from satmint.model.possession import Denied, Grant, Possession, PossessionResult
from satmint.model.records import (
    Inviter,
    Session,
    StoredSession,
)
from satmint.model.rotation import RefreshTokenRef, RotationResult
from satmint.model.session_filter import SessionFilter
from satmint.store.contract.accounts import NewSubscriber, SubscriberChange


class NewSession(msgspec.Struct, frozen=True):
    """A session to open; its head is generation 0."""

    id: UUID
    expires_at: int
    """`exp` of its first SAT."""
    deadline: int
    jkt: str | None = None
    c2c_token: UUID | None = None
    """The Click-to-Call token that an embed visitor exchanged."""


class NewInvite(msgspec.Struct, frozen=True):
    """An invite that the holder of a SAT makes."""

    project: UUID
    subscriber: UUID
    """The new temporary subscriber of the invitee."""
    session: NewSession
    inviter: Inviter
    max_active: int
    """How many unexpired and unrevoked invites a session may have made, with this one."""
    possession: Possession | None = None
    """The proof of the inviter's key; None if the request has none."""


class InvitesExhausted(msgspec.Struct, frozen=True):
    """The inviting session has made as many invites as it may; nothing was written."""

    until: int
    """Unix seconds at which the first of them expires."""


class OpenedSession(msgspec.Struct, frozen=True):
    """The result of `open_*`: the values that the claims need."""

    subscriber: UUID
    epoch: int


class SessionStore(Protocol):
    """Sessions: opening, rotation, possession, revocation."""

    async def open_for_reference(
        self,
        project: UUID,
        subscriber: NewSubscriber,
        change: SubscriberChange,
        session: NewSession,
        now: int,
        event: Event,
        keyed: KeyedRequest | None = None,
    ) -> OpenedSession:
        """Open a session for the subscriber that a backend names by `reference`.

        Creates the subscriber if it does not exist, else sets the given fields; then opens the
        session and records `event`: all or nothing. If several callers name one new reference at
        once, one subscriber is created and each caller gets a session of it. References are equal
        if their `reference_key` is; where several subscribers of an earlier version have equal
        references, the exact one counts.

        If another subscriber has the e-mail address, the new one is created without it. An address
        whose display name was derived from the subscriber's follows a change.
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
        keyed: KeyedRequest | None = None,
    ) -> OpenedSession:
        """Open a session for a new temporary subscriber, which is deleted with its last session."""
        ...

    async def open_invite(
        self,
        invite: NewInvite,
        now: int,
        event: Event,
        mismatch: Event,
        keyed: KeyedRequest | None = None,
    ) -> OpenedSession | InvitesExhausted | Denied:
        """Open the session of an invite, if the session that makes it is active, in one step.

        The invite ends with the inviting session: from its revocation on, however it is revoked,
        `get` and `list` report the invite as revoked, too. The inviting session is kept, and can be
        revoked, until its last invite has expired. If several callers reach the limit at once, none
        exceeds it.

        A proof is used up in the same step, as by `prove` without a grant. It is good for one
        invite: also a re-sent request is refused with `PROOF_REPLAYED`.

        Args:
            invite: The invite.
            now: Unix seconds.
            event: The event of the new session.
            mismatch: Recorded if the proof is of another key than the inviting session's.
            keyed: The request, if it has an idempotency key. A repetition is recognised only after
                all checks.

        Returns:
            `Denied` if the inviting session is not active, or its key was not proven; only
            `mismatch` may then be written.
        """
        ...

    async def rotate(
        self, ref: RefreshTokenRef, expires_at: int, now: int, replay_seconds: int, event: Event
    ) -> RotationResult:
        """Decide about a presented refresh token and carry out the decision, in one step.

        The rules are those of `satmint.model.rotation.decide_rotation`. If several callers present
        one token at once, at most one gets `Rotated`; the others get `Replayed` with the same
        head. Refresh and revocation contend for the same row: once a revocation has returned, no
        rotation of that session succeeds.

        Args:
            ref: The contents of the decrypted token.
            expires_at: `exp` of the next SAT; cut to the session's deadline.
            now: Unix seconds.
            replay_seconds: See `decide_rotation`. A store that several nodes share measures it by
                the database's clock, if it was opened so.
            event: Recorded with kind, generation and cause set according to the decision. Of the
                replays of one generation, only the first is recorded; all are counted.
        """
        ...

    async def prove(
        self, possession: Possession, grant: Grant | None, now: int, event: Event, binding: Event
    ) -> PossessionResult:
        """Decide about a proof of possession and carry out the decision, in one step.

        The checks, in order: the session is active, as for `rotate`; it is bound to the presented
        key, or is unbound and is bound to it now, by compare-and-set; the proof was not used
        before, or only by this same request and at most `MAX_RESENDS` times; the deadline leaves
        room for the grant. Then the proof is stored until `possession.forget_at`, `lives_until`
        covers the grant, and the events are recorded: `binding` if this bound the session, `event`
        if anything was granted. A re-sent request changes only its own count.

        A key other than the session's changes nothing but the audit trail, which gets `event` with
        the kind `KEY_MISMATCH`: the caller holds a token that is not its own. Every other refusal
        writes nothing. If several callers present different keys to an unbound session at once,
        exactly one binds it.

        Args:
            possession: The token and the proof.
            grant: The times of the requested Client Bound SAT; None to check and use up the proof
                only.
            now: Unix seconds.
            event: The event of the grant.
            binding: The event of the binding.
        """
        ...

    async def get(self, project: UUID, session: UUID) -> StoredSession | None:
        """A session and its subscriber's epoch, as of the last completed write or later."""
        ...

    async def recheck(self, project: UUID, session: UUID) -> StoredSession | None:
        """As `get`, for the revocation watch: it does not wait for requests."""
        ...

    def mark_seen(self, ref: RefreshTokenRef, now: int) -> None:
        """Record that a SAT of this generation was accepted, if it is the head's.

        Records also whether that was later than a concurrent request can come: then no step of a
        clock makes the previous refresh token good again.

        Returns at once and never fails. The mark is kept and tried again until it is durable,
        however long its row is locked or the database unavailable; meanwhile, the decisions of
        this process go by it. `close` tries to write what is left, and logs what is lost. If a
        mark is lost, the previous refresh token can be replayed for longer.

        Args:
            ref: The contents of the decrypted SAT.
            now: Unix seconds.
        """
        ...

    def has_pending_mark(self, project: UUID, session: UUID) -> bool:
        """Whether this process has a mark of the session that is not durable yet."""
        ...

    async def list(self, project: UUID, subscriber: UUID, window: Window) -> Page[Session]:
        """A subscriber's sessions that have an unexpired token or were revoked recently.

        Their `reference` is set.
        """
        ...

    async def list_project(
        self, project: UUID, wanted: SessionFilter, now: int, window: Window
    ) -> Page[Session]:
        """A project's sessions that match a filter, by the time at which they were opened.

        Contains those that have an unexpired token or were revoked recently, as `list` does. A page
        examines a bounded number of sessions: see `Page`.
        """
        ...

    async def count_project(self, project: UUID, wanted: SessionFilter, now: int) -> BoundedCount:
        """How many sessions `list_project` finds, up to a limit of the store."""
        ...

    async def revoke_each(self, project: UUID, now: int, events: Mapping[UUID, Event]) -> int:
        """Revoke some sessions in one step. Returns how many were not revoked before.

        Args:
            project: The project.
            now: Unix seconds.
            events: By session, the event to record if it is revoked; the store adds the subscriber.
                So few that no request waits long for them.
        """
        ...

    async def revoke(self, project: UUID, session: UUID, now: int, event: Event) -> bool:
        """Revoke one session. Idempotent. Returns whether the session exists."""
        ...

    async def revoke_key(
        self, project: UUID, subscriber: UUID, jkt: str, now: int, event: Event
    ) -> int:
        """Revoke a subscriber's sessions that are bound to a key.

        Returns how many were not yet revoked, including expired ones.
        """
        ...

    async def revoke_subscriber(
        self, project: UUID, subscriber: UUID, now: int, event: Event
    ) -> int | None:
        """Raise a subscriber's epoch and revoke its sessions: invalidates every issued token.

        Returns how many sessions were not yet revoked, including expired ones; None if the
        subscriber does not exist.
        """
        ...

    async def revoke_project(self, project: UUID, now: int, event: Event) -> None:
        """Revoke all sessions of a project, in one step of constant cost.

        Sessions that are opened afterwards are not affected.
        """
        ...
