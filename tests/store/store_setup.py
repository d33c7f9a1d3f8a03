"""Puts things into a store, with ids, times and names of its own choosing."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypedDict, Unpack
from uuid import UUID

from msgspec.structs import replace

from satmint.model.claims import Kind
from satmint.model.events import Event, EventIds, EventKind, Origin
from satmint.model.lifetimes import ACCESS_SECONDS, FOREVER
from satmint.model.listing import Window
from satmint.model.permissions import Permission
from satmint.model.possession import Denied, Possession
from satmint.model.records import (
    Address,
    AddressType,
    ApiToken,
    C2cToken,
    Channel,
    Inviter,
    Project,
)
from satmint.model.rooms import Room, RoomSettings
from satmint.model.rotation import RefreshTokenRef, RotationResult
from satmint.store.contract import (
    InvitesExhausted,
    NewInvite,
    NewSession,
    NewSubscriber,
    OpenedSession,
    Store,
    SubscriberChange,
)
from tests.kit.clock import NOW
from tests.kit.entropy import SeededEntropy
from tests.store.tables import settled

ORIGIN = Origin(request_id="req-1", address="192.0.2.7", agent="suite/1")
ALL = Window(1000)


def generation(first: RefreshTokenRef, number: int) -> RefreshTokenRef:
    """The refresh token of another generation of the same session."""
    return replace(first, generation=number)


class AboutAddress(TypedDict, total=False):
    """What may be said of an address that is made up."""

    name: str
    context: str
    display_name: str
    type: AddressType
    channels: frozenset[Channel]
    created_at: int
    subscriber: UUID
    locked: bool
    cover_url: str
    preview_url: str


class AboutSession(TypedDict, total=False):
    """What may be said of a session that is made up."""

    expires_at: int
    deadline: int
    jkt: str | None


class Given:
    """A hand that fills a store."""

    def __init__(self, store: Store, seed: str = "given") -> None:
        self.store = store
        self.entropy = SeededEntropy(seed)
        self._event_ids = EventIds(self.entropy)
        self._count = 0

    def id(self) -> UUID:
        return UUID(bytes=self.entropy.take(16), version=4)

    def word(self, stem: str) -> str:
        self._count += 1
        return f"{stem}-{self._count}"

    def event(
        self,
        kind: EventKind,
        project: UUID,
        *,
        at: int = NOW,
        session: UUID | None = None,
        subscriber: UUID | None = None,
        subject: UUID | None = None,
    ) -> Event:
        ids = self._event_ids
        return Event(ids.next(at), project, kind, at, ORIGIN, subscriber, session, subject)

    async def project(self, name: str = "acme", at: int = NOW) -> UUID:
        project = Project(self.id(), name, at)
        await self.store.projects.create(project)
        return project.id

    async def api_token(
        self,
        project: UUID,
        name: str = "backend",
        permissions: frozenset[Permission] = frozenset({Permission.CALLING}),
    ) -> ApiToken:
        token = ApiToken(self.id(), project, name, permissions, self.entropy.take(32), NOW)
        await self.store.projects.add_api_token(
            token, self.event(EventKind.API_TOKEN_CREATED, project)
        )
        return token

    async def c2c_token(
        self, project: UUID, *, origins: tuple[str, ...] = (), at: int = NOW
    ) -> C2cToken:
        address = await self.address(project)
        token = C2cToken(self.id(), project, address.id, "page", self.entropy.take(32), origins, at)
        await self.store.projects.add_c2c_token(
            token, self.event(EventKind.C2C_TOKEN_CREATED, project)
        )
        return token

    def new_address(self, project: UUID, **about: Unpack[AboutAddress]) -> Address:
        name = about.get("name") or self.word("room")
        address = Address(
            id=self.id(),
            project=project,
            context="public",
            name=name,
            display_name=name.title(),
            type=AddressType.ROOM,
            channels=frozenset({Channel.AUDIO, Channel.VIDEO}),
            created_at=NOW,
        )
        return replace(address, **about)

    async def address(self, project: UUID, **about: Unpack[AboutAddress]) -> Address:
        address = self.new_address(project, **about)
        await self.store.addresses.create(address)
        return address

    async def delete_address(self, project: UUID, address: UUID) -> bool:
        event = self.event(EventKind.ADDRESS_DELETED, project, subject=address)
        return await self.store.addresses.delete(project, address, event)

    def new_room(self, project: UUID, name: str = "", *, at: int = NOW) -> tuple[Room, Address]:
        """A room and its address."""
        name = name or self.word("room")
        address = self.new_address(project, name=name, created_at=at)
        shown = address.display_name
        room = Room(self.id(), project, address.id, name, shown, RoomSettings(), at, at)
        return room, address

    async def room(self, project: UUID, name: str = "", *, at: int = NOW) -> Room:
        room, address = self.new_room(project, name, at=at)
        await self.store.resources.create_room(room, address)
        return room

    async def delete_room(self, room: Room) -> bool:
        events = (
            self.event(EventKind.ROOM_DELETED, room.project, subject=room.id),
            self.event(EventKind.ADDRESS_DELETED, room.project, subject=room.address),
        )
        return await self.store.resources.delete_room(room, *events)

    def new_subscriber(
        self, reference: str | None = None, email: str | None = None
    ) -> NewSubscriber:
        return NewSubscriber(self.id(), self.id(), reference or self.word("user"), email)

    async def subscriber(
        self,
        project: UUID,
        reference: str | None = None,
        email: str | None = None,
        *,
        at: int = NOW,
        fields: Mapping[str, str | None] = MappingProxyType({}),
    ) -> UUID:
        new = self.new_subscriber(reference, email)
        await self.store.subscribers.create(new, project, SubscriberChange(dict(fields)), at)
        return new.id

    async def named(self, project: UUID, reference: str) -> UUID:
        """The id of the subscriber of that reference."""
        page = await self.store.subscribers.list(project, ALL)
        return next(found.id for found in page.items if found.reference == reference)

    def new_session(
        self,
        *,
        expires_at: int = NOW + ACCESS_SECONDS,
        deadline: int = FOREVER,
        jkt: str | None = None,
    ) -> NewSession:
        return NewSession(self.id(), expires_at, deadline, jkt)

    async def session(
        self,
        project: UUID,
        reference: str = "alice",
        *,
        at: int = NOW,
        **about: Unpack[AboutSession],
    ) -> RefreshTokenRef:
        """A new session of a subscriber; returns its first refresh token, opened."""
        about.setdefault("expires_at", at + ACCESS_SECONDS)
        session = self.new_session(**about)
        opened = await self._signed_in(project, reference, {}, session, at)
        return RefreshTokenRef(project, session.id, 0, opened.epoch, session.jkt)

    async def signed_in(
        self, project: UUID, reference: str, *, fields: Mapping[str, str | None], at: int = NOW
    ) -> OpenedSession:
        """A subscriber's sign-in with which its backend says what its fields are."""
        return await self._signed_in(project, reference, fields, self.new_session(), at)

    async def _signed_in(
        self,
        project: UUID,
        reference: str,
        fields: Mapping[str, str | None],
        session: NewSession,
        at: int,
    ) -> OpenedSession:
        return await self.store.sessions.open_for_reference(
            project,
            self.new_subscriber(reference),
            SubscriberChange(dict(fields)),
            session,
            at,
            self.event(EventKind.ISSUED, project, at=at, session=session.id),
        )

    async def guest(
        self,
        project: UUID,
        *,
        kind: Kind = Kind.GUEST,
        at: int = NOW,
        **about: Unpack[AboutSession],
    ) -> tuple[UUID, RefreshTokenRef]:
        """A temporary subscriber with a session; returns both."""
        about.setdefault("expires_at", at + ACCESS_SECONDS)
        session, subscriber = self.new_session(**about), self.id()
        opened = await self.store.sessions.open_temporary(
            project,
            subscriber,
            kind,
            session,
            at,
            self.event(EventKind.ISSUED, project, at=at, session=session.id),
        )
        return subscriber, RefreshTokenRef(project, session.id, 0, opened.epoch)

    async def invite(
        self,
        inviter: RefreshTokenRef,
        *,
        at: int = NOW,
        max_active: int = 100,
        possession: Possession | None = None,
        **about: Unpack[AboutSession],
    ) -> tuple[UUID, OpenedSession | InvitesExhausted | Denied]:
        """An invite that a session makes: the id of its session, and the answer."""
        about.setdefault("expires_at", at + ACCESS_SECONDS)
        session, project = self.new_session(**about), inviter.project
        found = await self.store.sessions.get(project, inviter.session)
        subscriber = self.id() if found is None else found.session.subscriber
        new = NewInvite(
            project=project,
            subscriber=self.id(),
            session=session,
            inviter=Inviter(subscriber, inviter.session),
            max_active=max_active,
            possession=possession,
        )
        mismatch = self.event(EventKind.KEY_MISMATCH, project, at=at, session=inviter.session)
        issued = self.event(EventKind.ISSUED, project, at=at, session=session.id)
        return session.id, await self.store.sessions.open_invite(new, at, issued, mismatch)

    async def rotate(
        self,
        ref: RefreshTokenRef,
        *,
        at: int = NOW,
        replay_seconds: int = 600,
        subscriber: UUID | None = None,
    ) -> RotationResult:
        kind, project, session = EventKind.REFRESHED, ref.project, ref.session
        event = self.event(kind, project, at=at, session=session, subscriber=subscriber)
        return await self.store.sessions.rotate(ref, at + ACCESS_SECONDS, at, replay_seconds, event)

    async def revoke(self, ref: RefreshTokenRef, *, at: int = NOW) -> bool:
        project, session = ref.project, ref.session
        event = self.event(EventKind.SESSION_REVOKED, project, at=at, session=session)
        return await self.store.sessions.revoke(project, session, at, event)

    async def settled(self) -> None:
        """Return once everything that was submitted before is durable, waited for or not."""
        await settled(self.store)

    async def kinds(self, project: UUID) -> list[EventKind]:
        """What the audit trail tells of, oldest first."""
        return [event.kind for event in (await self.store.events.list(project, ALL)).items]
