"""The rules of refresh against a small model, with callers who come all at once.

The machine does what clients, thieves and operators do, in any order, on the real flows and the
real store, and compares each answer with `rotation_model`. `SATMINT_TEST_EXAMPLES=5000` looks
longer and elsewhere each time.
"""

import asyncio
import os
from collections.abc import Awaitable, Coroutine
from contextlib import AsyncExitStack
from copy import deepcopy
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from satmint.assembly import Service, assembled
from satmint.flows.callers import ApiTokenCaller, subscriber_caller
from satmint.flows.issue import SubscriberTokenRequest, subscriber_tokens
from satmint.flows.projects import create_project
from satmint.flows.refresh import refresh
from satmint.flows.revoke import (
    revoke_key,
    revoke_project,
    revoke_session,
    revoke_subscriber,
)
from satmint.flows.service_context import ServiceContext
from satmint.flows.subscribers import delete_subscriber
from satmint.flows.token_issuer import TokenPair
from satmint.model.claims import Claims, TokenType
from satmint.model.permissions import Permission
from satmint.model.records import StoredSession
from satmint.model.refusals import Code, NotFound, Unauthorized, Unprocessable
from satmint.model.rotation import Rotated
from satmint.settings import Settings
from tests.kit.clock import FrozenClock
from tests.kit.emptying import emptied
from tests.kit.entropy import SeededEntropy
from tests.kit.postgres import the_server
from tests.kit.service import ORIGIN
from tests.properties.rotation_model import End, Generation, MetricFamily
from tests.store.tables import settled

T = TypeVar("T")

KEY = "k" * 43
MOMENTS = [1, 9, 10, 11, 60, 61, 3600, 7199, 7200, 7201, 7499, 7500, 7501, 20_000]
CAPS = [600, 600, 0, 5, 10, 60, 3600]
LIVES = [None, 1, 30, 7200, 9000, 20 * 86_400]
MOVING = {"gen", "jti", "iat", "exp"}


FAMILY = st.integers(0, 2)
"""Which session: the latest, the one before, or the one before that."""
BEHIND = st.sampled_from([0, 0, 1, 1, 1, 2, 3])
"""How many generations behind the head."""
AT_CAP, PAST_CAP = -1, -2
AGE = st.sampled_from([0, 9, 10, 11, AT_CAP, PAST_CAP])
"""Seconds since the rotation; or just at the operator's own limit, or just past it."""


class Watched:
    """A session, its model, and what its tokens have said so far."""

    def __init__(self, name: str, model: MetricFamily, claims: Claims) -> None:
        self.name = name
        self.model = model
        self.subscriber = claims.sub
        self.id = claims.sid
        self.bound = claims.cnf is not None
        self.rights = rights_of(claims)
        self.pairs: dict[int, TokenPair] = {}
        """By generation: the texts that were handed out last."""
        self.said: dict[int, tuple[Claims, Claims]] = {}
        """By generation: the claims of the SAT and of the refresh token, which never change."""

    def __repr__(self) -> str:
        return self.name

    def behind(self, count: int) -> int:
        """The generation that is `count` behind the head, or the first."""
        return max(0, len(self.model.made) - 1 - count)


def rights_of(claims: Claims) -> dict[str, Any]:
    return {
        name: value for name, value in msgspec.structs.asdict(claims).items() if name not in MOVING
    }


class RotationMachine(RuleBasedStateMachine):
    """Clients, thieves and operators at work on one project."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = TemporaryDirectory()
        self.database = self.an_empty_database()
        self.clock = FrozenClock()
        self.starts = 0
        self.running: AsyncExitStack | None = None
        self.families: list[Watched] = []

    def an_empty_database(self) -> str:
        return f"sqlite:///{self.folder.name}/satmint.db"

    @property
    def services(self) -> ServiceContext:
        return self.service.services

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def start(self) -> None:
        if self.running is not None:
            await self.running.aclose()
        self.running, self.starts = AsyncExitStack(), self.starts + 1
        folder = Path(self.folder.name)
        self.service: Service = await self.running.enter_async_context(
            assembled(
                Settings(
                    database=self.database,
                    database_without_fsync=True,
                    keyring=str(folder / "keyring.json"),
                    replay_seconds=self.cap,
                    max_session_seconds=self.longest,
                ),
                create_keyring=self.starts == 1,
                clock=self.clock,
                entropy=SeededEntropy(f"start {self.starts}"),
            )
        )

    def teardown(self) -> None:
        if self.running is not None:
            self.run(self.running.aclose())
        self.runner.close()
        self.folder.cleanup()

    @initialize(cap=st.sampled_from(CAPS), longest=st.sampled_from([None, None, 20_000]))
    def begin(self, cap: int, longest: int | None) -> None:
        self.cap, self.longest = cap, longest
        self.run(self.start())
        project = self.run(create_project(self.services, "machine")).id
        self.caller = ApiTokenCaller(project, UUID(int=1), frozenset({Permission.CALLING}))

    @rule(
        reference=st.sampled_from(["ann", "ann", "bob"]),
        life=st.sampled_from(LIVES),
        bound=st.booleans(),
        app=st.booleans(),
    )
    def sign_in(self, reference: str, life: int | None, bound: bool, app: bool) -> None:
        now = self.clock.now()
        request = SubscriberTokenRequest(
            reference=reference,
            expire_at=None if life is None else now + life,
            application_id=UUID(int=7) if app else None,
            fingerprint=KEY if bound else None,
            self_refresh=bound,
        )
        pair = self.run(subscriber_tokens(self.services, self.caller, request, ORIGIN))
        deadline = float("inf") if self.longest is None else now + self.longest
        dies = min(now + (7200 if life is None else life), deadline - 300)
        claims = self.services.cipher.open(pair.token, TokenType.SAT).claims
        model = MetricFamily(deadline, [Generation(now, int(dies))])
        family = Watched(f"session {len(self.families)}", model, claims)
        assert family.id not in {known.id for known in self.families}
        self.families.append(family)
        self.check_pair(family, TokenPair(pair.token, pair.refresh_token))

    @precondition(lambda self: self.families)
    @rule(which=FAMILY, behind=BEHIND)
    def present(self, which: int, behind: int) -> None:
        family = self.family(which)
        self.check_presenting(family, family.behind(behind))

    @precondition(lambda self: self.families)
    @rule(which=FAMILY, used=st.booleans(), age=AGE, behind=BEHIND)
    def present_again_after(self, which: int, used: bool, age: int, behind: int) -> None:
        """A rotation, perhaps a use of what came of it, and after a while somebody comes again.

        It could come about by the other rules, but seldom would.
        """
        family = self.family(which)
        self.check_presenting(family, family.behind(0))
        if used:
            self.check_using(family, family.behind(0))
        wait = {AT_CAP: self.cap, PAST_CAP: self.cap + 1}.get(age, age)
        self.wait_until(family.model.made[-1].since + wait)
        self.check_presenting(family, family.behind(behind))

    @precondition(lambda self: self.families)
    @rule(which=FAMILY, used=st.booleans(), apart=AGE)
    def thief_and_victim(self, which: int, used: bool, apart: int) -> None:
        """Both have the head's token. Who of them comes first, and whether it uses what it gets."""
        family = self.family(which)
        apart = {AT_CAP: self.cap, PAST_CAP: self.cap + 1}.get(apart, apart)
        head, now, model = family.behind(0), self.clock.now(), family.model
        expires_at = min(model.made[head].refresh_token_dies, model.deadline - 300)
        if model.gone or model.revoked or now + apart >= expires_at:
            return
        self.check_presenting(family, head)
        if used:
            self.check_using(family, head + 1)
        self.clock.advance(apart)
        self.check_presenting(family, head)
        limit = min(self.cap, 10) if used else self.cap
        assert model.revoked is (self.cap == 0 or apart > limit)

    @precondition(lambda self: self.families)
    @rule(
        which=FAMILY,
        group=st.lists(BEHIND, min_size=2, max_size=5),
        revoke_at=st.none() | st.integers(0, 5),
    )
    def present_at_once(self, which: int, group: list[int], revoke_at: int | None) -> None:
        """Callers come at the same moment, and the operator with them; some order explains it."""
        family, now = self.family(which), self.clock.now()
        generations = [family.behind(behind) for behind in group]
        revoking = revoke_session(self.services, self.caller.project, family.id, ORIGIN)

        async def all_at_once() -> list[tuple[End, TokenPair | None]]:
            calls: list[Awaitable[Any]] = [self.refreshed(family, g) for g in generations]
            if revoke_at is not None:
                calls.insert(revoke_at, revoking)
            return [end for end in await asyncio.gather(*calls) if end is not None]

        ends = self.run(all_at_once())
        revoking.close()
        told = [(g, end) for g, (end, _) in zip(generations, ends, strict=True)]
        family.model = self.explanation(family.model, told, now, revoke_at is not None)
        for end, pair in ends:
            self.check_granted(family, end, pair)

    def explanation(
        self, before: MetricFamily, told: list[tuple[int, End]], now: int, revoked: bool
    ) -> MetricFamily:
        """The model after the first order of calls, one after another, that ends as told."""
        calls: list[tuple[int, End] | None] = [*told, *([None] if revoked else [])]
        for order in permutations(calls):
            model, explains = deepcopy(before), True
            for call in order:
                if call is None:
                    model.revoked = True
                    continue
                generation, end = call
                if as_told(model.present(generation, now, self.cap)) is not end:
                    explains = False
                    break
            if explains:
                return model
        raise AssertionError(f"no order of calls explains {told} on {before}")

    @precondition(lambda self: self.families)
    @rule(which=FAMILY, behind=BEHIND)
    def use_sat(self, which: int, behind: int) -> None:
        family = self.family(which)
        self.check_using(family, family.behind(behind))

    @rule(seconds=st.sampled_from(MOMENTS))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from([1, 10, 11, 700, 3600]))
    def put_the_clock_back(self, seconds: int) -> None:
        self.clock.advance(-seconds)

    @precondition(lambda self: self.families)
    @rule(which=FAMILY, behind=BEHIND, overhang=st.sampled_from([0, 300]), by=st.integers(-1, 1))
    def wait_until_a_token_dies(self, which: int, behind: int, overhang: int, by: int) -> None:
        family = self.family(which)
        self.wait_until(family.model.made[family.behind(behind)].sat_dies + overhang + by)

    def wait_until(self, moment: int) -> None:
        self.clock.at = max(self.clock.at, moment)

    @precondition(lambda self: self.families)
    @rule(which=FAMILY, what=st.sampled_from(["session", "key", "all", "deletion", "project"]))
    def revoke(self, which: int, what: str) -> None:
        """One session, those of a key, a subscriber's, with the subscriber itself, or everything.

        One rule for all of it, or too few sessions would live long enough to be of interest.
        """
        family, project = self.family(which), self.caller.project
        subscriber, gone = family.subscriber, family.model.gone
        own = [other for other in self.families if other.subscriber == subscriber]
        bound = [other for other in own if other.bound]
        if what == "session":
            self.run(revoke_session(self.services, project, family.id, ORIGIN))
            self.kill([family])
        elif what == "project":
            self.run(revoke_project(self.services, project, ORIGIN))
            self.kill(self.families)
        elif gone:
            with pytest.raises(NotFound):
                self.run(revoke_subscriber(self.services, project, subscriber, ORIGIN))
        elif what == "key":
            revoking = revoke_key(self.services, project, subscriber, KEY, ORIGIN)
            assert self.run(revoking) == self.kill(bound)
        elif what == "all":
            revoking = revoke_subscriber(self.services, project, subscriber, ORIGIN)
            assert self.run(revoking) == self.kill(own)
        else:
            self.run(delete_subscriber(self.services, project, subscriber, ORIGIN))
            self.kill(own)
            for other in own:
                other.model.gone = True

    def kill(self, families: list[Watched]) -> int:
        """Note that they are revoked; returns how many were live."""
        live = [family.model for family in families if not family.model.revoked]
        for model in live:
            model.revoked = True
        return len(live)

    @precondition(lambda self: self.starts < 3)
    @rule()
    def restart(self) -> None:
        self.run(self.start())

    @invariant()
    def the_store_holds_one_live_head_for_each_session_and_it_is_the_models(self) -> None:
        for family in self.families:
            state = self.run(self.standing_of(family))
            session, model = state.session, family.model
            assert session.head.generation == len(model.made) - 1, family
            assert session.head.since == model.made[-1].since, family
            assert session.head.expires_at == model.made[-1].sat_dies, family
            assert state.state.seen is model.seen, family
            assert not model.made[1:] or state.state.seen_late is model.seen_late, family
            assert (session.revoked_at is not None) is model.revoked, family
            assert (state.subscriber_epoch is None) is model.gone, family

    def family(self, which: int) -> Watched:
        return self.families[-1 - which % len(self.families)]

    async def standing_of(self, family: Watched) -> StoredSession:
        await settled(self.service.store)
        found = await self.services.store.sessions.get(self.caller.project, family.id)
        assert found is not None
        return found

    def check_presenting(self, family: Watched, generation: int) -> None:
        expected = family.model.present(generation, self.clock.now(), self.cap)
        end, pair = self.run(self.refreshed(family, generation))
        assert end is as_told(expected), (family, generation, expected)
        self.check_granted(family, end, pair)

    def check_using(self, family: Watched, generation: int) -> None:
        expected = family.model.use(generation, self.clock.now())
        token = family.pairs[generation].token
        assert self.run(self.is_good(token)) is expected, (family, generation)

    async def refreshed(self, family: Watched, generation: int) -> tuple[End, TokenPair | None]:
        """How presenting a refresh token ended, as far as its caller is told."""
        token = family.pairs[generation].refresh_token
        try:
            pair, verdict = await refresh(self.services, self.caller, token, ORIGIN)
        except NotFound:
            return End.GONE, None
        except Unprocessable as refusal:
            (fault,) = refusal.field_errors
            assert fault.attribute == "refresh_token"
            return ENDS[fault.code], None
        return End.ROTATED if isinstance(verdict, Rotated) else End.REPLAYED, pair

    async def is_good(self, token: str) -> bool:
        try:
            await subscriber_caller(self.services, token)
        except Unauthorized:
            return False
        return True

    def check_granted(self, family: Watched, end: End, pair: TokenPair | None) -> None:
        if end in (End.ROTATED, End.REPLAYED):
            assert pair is not None
            self.check_pair(family, pair)
        else:
            assert pair is None

    def check_pair(self, family: Watched, pair: TokenPair) -> None:
        """A pair says what its generation said before, if anybody had it before."""
        sat = self.services.cipher.open(pair.token, TokenType.SAT).claims
        again = self.services.cipher.open(pair.refresh_token, TokenType.REFRESH).claims
        model = family.model.made[sat.gen]
        for claims, dies in ((sat, model.sat_dies), (again, model.refresh_token_dies)):
            assert rights_of(claims) == family.rights
            assert (claims.gen, claims.iat, claims.exp) == (sat.gen, model.since, dies)
        if sat.gen in family.said:
            assert family.said[sat.gen] == (sat, again)
        else:
            known = {claims.jti for both in family.said.values() for claims in both}
            assert len({sat.jti, again.jti} - known) == 2
            family.said[sat.gen] = sat, again
        family.pairs[sat.gen] = pair


ENDS = {Code.TOKEN_EXPIRED: End.EXPIRED, Code.TOKEN_INVALID: End.INVALID}


def as_told(end: End) -> End:
    """A thief is told nothing more than that the token is invalid, or has expired."""
    return {End.REUSE: End.INVALID, End.EXPIRED_REUSE: End.EXPIRED}.get(end, end)


EXAMPLES = os.environ.get("SATMINT_TEST_EXAMPLES")


class OnReadCommitted(RotationMachine):
    """The same on PostgreSQL."""

    isolation = "read committed"

    def an_empty_database(self) -> str:
        return self.run(emptied(the_server().shared_database(self.isolation)))


class OnSerializable(OnReadCommitted):
    """The same on PostgreSQL where transactions are serializable."""

    isolation = "serializable"


def cases_of(machine: type[RotationMachine], examples: int) -> Any:  # noqa: ANN401 - a class of cases
    case = machine.TestCase
    case.settings = settings(
        max_examples=int(EXAMPLES or examples),
        stateful_step_count=50,
        deadline=None,
        derandomize=EXAMPLES is None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    return case


test_the_rules_of_refresh_hold_whatever_happens = cases_of(RotationMachine, 120)
test_the_rules_of_refresh_hold_on_postgres = cases_of(OnReadCommitted, 25)
test_the_rules_of_refresh_hold_on_postgres_serializable = cases_of(OnSerializable, 12)
