"""Who holds the key of a session, and shows proofs of it to a store."""

from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from satmint.model.events import EventKind
from satmint.model.possession import Denied, Grant, Possession, PossessionCause, PossessionResult
from satmint.model.records import Session
from satmint.model.rotation import RefreshTokenRef
from tests.kit.clock import NOW
from tests.store.store_setup import Given

KEY = "k" * 43
OTHER_KEY = "o" * 43
GRANT = Grant(NOW, NOW + 900)
FORGET_AT = NOW + 365


@dataclass
class Holder:
    """Shows proofs of possession for a session."""

    given: Given
    ref: RefreshTokenRef
    count: int = field(default=0)

    def shown(self, jkt: str = KEY, **changes: object) -> Possession:
        """A proof that was never shown before, unless `changes` say which."""
        self.count += 1
        name = f"{self.ref.session} {jkt} {self.count}".encode()
        shown = Possession(
            project=self.ref.project,
            session=self.ref.session,
            epoch=self.ref.epoch,
            jkt=jkt,
            proof=sha256(b"proof" + name).digest(),
            request=sha256(b"request" + name).digest(),
            forget_at=FORGET_AT,
        )
        return msgspec.structs.replace(shown, **changes)

    async def prove(
        self, shown: Possession | None = None, grant: Grant | None = GRANT, *, at: int = NOW
    ) -> PossessionResult:
        shown = shown or self.shown()
        project, session = shown.project, shown.session
        binding = self.given.event(EventKind.BOUND, project, at=at, session=session)
        return await self.given.store.sessions.prove(
            shown,
            grant,
            at,
            self.given.event(EventKind.DEVICE_TOKEN_ISSUED, project, at=at, session=session),
            binding,
        )

    async def session(self) -> Session:
        ref = self.ref
        found = await self.given.store.sessions.get(ref.project, ref.session)
        assert found is not None
        return found.session


def denied(cause: str) -> Denied:
    return Denied(PossessionCause(cause))
