"""What the SQL of every store says of a session is what the rules of the model say."""

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Final
from uuid import UUID

import hypothesis
import msgspec
from hypothesis import HealthCheck
from hypothesis import strategies as st

from satmint.model.events import EventKind
from satmint.model.lifetimes import ACCESS_SECONDS, FOREVER, REFRESH_TOKEN_GRACE_SECONDS
from satmint.model.records import StoredSession
from satmint.model.rotation import (
    RefreshTokenRef,
    Refused,
    RotationResult,
    SessionState,
    apply_rotation,
    decide_rotation,
    rotation_result,
)
from satmint.model.session_filter import SessionFilter, SessionStatus
from satmint.store.contract import Store
from tests.kit.clock import NOW
from tests.store.store_setup import ALL, Given

KEY: Final = "K" * 43
OTHER_KEY: Final = "O" * 43
LIFETIME: Final = ACCESS_SECONDS + REFRESH_TOKEN_GRACE_SECONDS
"""Of a refresh token, in seconds."""
EVERY: Final = SessionFilter()
ACTIVE: Final = SessionFilter(state=SessionStatus.ACTIVE)
LONG_AFTER: Final = NOW + 40 * 86_400
"""By then every session is dead, and past being looked at."""

settings = hypothesis.settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Ending(Enum):
    """How a session is ended before it is looked at, if it is."""

    NONE = "none"
    SESSION = "session"
    SUBSCRIBER = "subscriber"
    PROJECT = "project"
    DELETED = "deleted"
    INVITER = "inviter"
    """It is an invite, and the session that made it is revoked."""


@dataclass(frozen=True)
class Case:
    """A session, and a refresh token that is presented to it."""

    rotations: int
    jkt: str | None
    deadline: int
    seen: int | None
    """Seconds after the last rotation at which a SAT of the head was accepted; None if none was."""
    replays: int
    """How often the head's parent was replayed."""
    ending: Ending
    behind: int
    """By how many generations the token is older than the session's head."""
    epoch: int
    """How far it is from the session's."""
    names_key: str | None
    later: int
    """Seconds after the last rotation."""
    replay_seconds: int
    dies: int
    """Unix seconds: the token's own `exp`."""


endings = st.sampled_from([*Ending, *[Ending.NONE] * 7])
of_refreshable = endings.filter(lambda ending: ending is not Ending.INVITER)
# Most members are as of a token that rotates: what one of them changes must not hide in the others.
cases = st.builds(
    Case,
    rotations=st.integers(0, 2),
    jkt=st.sampled_from([None, KEY]),
    deadline=st.sampled_from(
        [FOREVER, FOREVER, NOW + LIFETIME, NOW + LIFETIME + 5, NOW + 2 * LIFETIME, NOW + 400]
    ),
    seen=st.sampled_from([None, 0, 10, 11, -11]),
    replays=st.sampled_from([0, 0, 0, 0, 0, 1, 5]),
    ending=of_refreshable,
    behind=st.sampled_from([0, 0, 0, 0, 1, 1, 2, -1]),
    epoch=st.sampled_from([0, 0, 0, 0, 1, -1]),
    names_key=st.sampled_from([None, None, KEY, OTHER_KEY]),
    later=st.sampled_from(
        [0, 0, 0, 10, 11, 400, 600, 601, ACCESS_SECONDS, LIFETIME - 1, LIFETIME, -10, -11, -3600]
    ),
    replay_seconds=st.sampled_from([600, 600, 0, 10, 2 * LIFETIME]),
    dies=st.sampled_from([FOREVER, FOREVER, FOREVER, NOW + 400, NOW]),
)


async def end(given: Given, ref: RefreshTokenRef, ending: Ending) -> None:
    """End the session in this way."""
    store, project = given.store, ref.project
    subscriber = await given.named(project, "alice")
    match ending:
        case Ending.NONE:
            pass
        case Ending.SESSION:
            await given.revoke(ref)
        case Ending.SUBSCRIBER:
            event = given.event(EventKind.SUBSCRIBER_REVOKED, project, subscriber=subscriber)
            await store.sessions.revoke_subscriber(project, subscriber, NOW, event)
        case Ending.PROJECT:
            event = given.event(EventKind.PROJECT_REVOKED, project)
            await store.sessions.revoke_project(project, NOW, event)
        case Ending.DELETED:
            event = given.event(EventKind.SUBSCRIBER_DELETED, project, subscriber=subscriber)
            await store.subscribers.delete(project, subscriber, NOW, event)
        case Ending.INVITER:
            raise AssertionError("it is ended when it is made")


def expected(
    found: StoredSession | None, ref: RefreshTokenRef, now: int, replay_seconds: int
) -> tuple[RotationResult, SessionState | None]:
    """What the model's rules make of a token: the result, and the session's state."""
    state = None if found is None else found.state
    decision = decide_rotation(state, ref, now, replay_seconds)
    if isinstance(decision, Refused):
        return decision, state
    assert state is not None
    state = apply_rotation(decision, state, now + ACCESS_SECONDS, now)
    return rotation_result(decision, state), state


@hypothesis.given(case=cases)
@settings
async def test_a_store_rotates_where_the_rules_let_it_and_nowhere_else(
    store: Store, given: Given, case: Case
) -> None:
    project = await given.project()
    first = await given.session(
        project,
        deadline=case.deadline,
        expires_at=min(NOW + ACCESS_SECONDS, case.deadline - REFRESH_TOKEN_GRACE_SECONDS),
        jkt=case.jkt,
    )
    for number in range(case.rotations):
        await given.rotate(msgspec.structs.replace(first, generation=number))
    found = await store.sessions.get(project, first.session)
    assert found is not None
    head = found.session.head
    for _ in range(case.replays if head.generation else 0):
        await given.rotate(msgspec.structs.replace(first, generation=head.generation - 1))
    if case.seen is not None:
        sat = msgspec.structs.replace(first, generation=head.generation)
        store.sessions.mark_seen(sat, head.since + case.seen)
    await end(given, first, case.ending)
    await given.settled()
    ref = msgspec.structs.replace(
        first,
        generation=head.generation - case.behind,
        epoch=first.epoch + case.epoch,
        jkt=case.names_key,
        expires_at=case.dies,
    )
    now = head.since + case.later
    found = await store.sessions.get(project, first.session)
    result, state = expected(found, ref, now, case.replay_seconds)
    assert await given.rotate(ref, at=now, replay_seconds=case.replay_seconds) == result
    after = await store.sessions.get(project, first.session)
    assert (None if after is None else after.state) == state


@hypothesis.given(
    sessions=st.lists(st.tuples(endings, st.sampled_from([1, 99, 100, 101])), max_size=4),
    later=st.integers(0, 101),
)
@settings
async def test_a_store_counts_the_sessions_that_the_rules_call_active(
    store: Store, given: Given, sessions: list[tuple[Ending, int]], later: int
) -> None:
    while (await store.purge(LONG_AFTER, 0, 500)).removed:
        pass  # what earlier examples left
    now, projects = NOW + REFRESH_TOKEN_GRACE_SECONDS + later, []
    # The same few projects in all examples: a purge looks at every project that there is.
    there = {found.id for found in await store.projects.list()}
    for ending, seconds in sessions:
        project = there.pop() if there else await given.project()
        projects.append(project)
        if ending is Ending.INVITER:
            inviter = await given.session(project, expires_at=NOW + 100)
            await given.invite(inviter, expires_at=NOW + seconds)
            await given.revoke(inviter)
        else:
            await end(given, await given.session(project, expires_at=NOW + seconds), ending)
    wanted = Counter[tuple[UUID, UUID]]()
    for project in projects:
        for found in (await store.sessions.list_project(project, EVERY, now, ALL)).items:
            wanted[project, found.subscriber] += found.is_active(now)
    assert await active(store, now) == wanted.total()
    for project in projects:
        number = sum(count for (of, _), count in wanted.items() if of == project)
        contents = await store.projects.count_contents(project, now)
        stats = await store.stats.of_project(project, now)
        counted = await store.sessions.count_project(project, ACTIVE, now)
        assert contents["active_sessions"] == counted.value == number
        assert sum(one.value for one in stats.active_sessions.values()) == number


async def active(store: Store, now: int) -> int:
    """How many sessions a walk through all of them counts as active."""
    while True:
        step = await store.purge(now, 0, 500)
        if step.active is not None:
            return step.active
