"""The rules of possession, row by row, on both sides of every limit."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from satmint.model.lifetimes import FOREVER
from satmint.model.possession import (
    MAX_RESENDS,
    Accepted,
    Denied,
    Grant,
    Possession,
    PossessionCause,
    PossessionResult,
    UsedProof,
    decide_possession,
)
from satmint.model.rotation import Head, SessionState

NOW: Final = 1_700_000_000
KEY: Final = "k" * 43
OTHER: Final = "o" * 43
STANDING: Final = SessionState(
    head=Head(7, NOW - 60, NOW + 7140, KEY),
    seen=False,
    revoked=False,
    subscriber_epoch=3,
    deadline=FOREVER,
)
SHOWN: Final = Possession(
    project=UUID(int=1),
    session=UUID(int=2),
    epoch=3,
    jkt=KEY,
    proof=b"p" * 32,
    request=b"r" * 32,
    forget_at=NOW + 365,
)
GRANT: Final = Grant(NOW, NOW + 900)
FORMER: Final = Grant(NOW - 16, NOW + 884)


@dataclass(frozen=True, slots=True)
class Row:
    """One case; what is not named is as on an ordinary day."""

    name: str
    answer: PossessionResult
    key: str | None = KEY
    """The session's."""
    shown: str = KEY
    revoked: bool = False
    epoch: int | None = 3
    deadline: int = FOREVER
    resends: int | None = None
    """How often the proof's answer was given again; None: it was not used yet."""
    request: bytes = b"r" * 32
    """What the proof was used for."""
    former: Grant | None = FORMER
    grant: Grant | None = GRANT


def denied(cause: str) -> Denied:
    return Denied(PossessionCause(cause))


def resent(grant: Grant | None = FORMER) -> Accepted:
    return Accepted(grant, bound=False, resent=True)


TABLE: Final = (
    Row("the-key-of-the-session", Accepted(GRANT, bound=False)),
    Row("the-first-key", Accepted(GRANT, bound=True), key=None),
    Row("nothing-asked-for", Accepted(None, bound=False), grant=None),
    Row("the-first-key-and-nothing-asked-for", Accepted(None, bound=True), key=None, grant=None),
    Row("another-key", denied("key_mismatch"), shown=OTHER),
    Row("another-key-and-nothing-asked-for", denied("key_mismatch"), shown=OTHER, grant=None),
    # Sent again.
    Row("sent-again", resent(), resends=0),
    Row("sent-again-for-the-last-time", resent(), resends=MAX_RESENDS - 1),
    Row("sent-again-once-too-often", denied("proof_replayed"), resends=MAX_RESENDS),
    Row("sent-again-far-too-often", denied("proof_replayed"), resends=MAX_RESENDS + 1),
    Row("sent-again-for-nothing", resent(None), resends=0, former=None, grant=None),
    Row("used-for-something-else", denied("proof_replayed"), resends=0, request=b"x" * 32),
    Row("sent-again-by-another-key", denied("key_mismatch"), resends=0, shown=OTHER),
    # The deadline cuts, and then stops.
    Row("deadline-in-time", Accepted(GRANT, bound=False), deadline=NOW + 900),
    Row(
        "deadline-cuts-a-second",
        Accepted(Grant(NOW, NOW + 899), bound=False),
        deadline=NOW + 899,
    ),
    Row(
        "deadline-leaves-a-second",
        Accepted(Grant(NOW, NOW + 1), bound=True),
        deadline=NOW + 1,
        key=None,
    ),
    Row("deadline-leaves-nothing", denied("deadline"), deadline=NOW),
    Row("deadline-is-past", denied("deadline"), deadline=NOW - 1),
    Row("deadline-binds-nobody", denied("deadline"), deadline=NOW, key=None),
    Row("deadline-does-not-stop-what-was-answered", resent(), deadline=NOW, resends=0),
    Row("deadline-stops-no-judgement", Accepted(None, bound=False), deadline=NOW, grant=None),
    # Whether the session stands goes before everything else.
    Row("revoked", denied("revoked"), revoked=True),
    Row("revoked-and-unbound", denied("revoked"), revoked=True, key=None),
    Row("revoked-and-another-key", denied("revoked"), revoked=True, shown=OTHER),
    Row("revoked-and-sent-again", denied("revoked"), revoked=True, resends=0),
    Row("gone", denied("subscriber_deleted"), epoch=None),
    Row("gone-and-revoked", denied("subscriber_deleted"), epoch=None, revoked=True),
    Row("epoch-was-raised", denied("stale_epoch"), epoch=4),
    Row("epoch-of-the-future", denied("stale_epoch"), epoch=2),
    Row("epoch-was-raised-and-sent-again", denied("stale_epoch"), epoch=4, resends=0),
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_table(row: Row) -> None:
    state = replace(
        STANDING,
        head=replace(STANDING.head, jkt=row.key),
        revoked=row.revoked,
        subscriber_epoch=row.epoch,
        deadline=row.deadline,
    )
    used = None if row.resends is None else UsedProof(row.request, row.former, row.resends)
    shown = replace(SHOWN, jkt=row.shown)
    assert decide_possession(state, used, shown, row.grant, NOW) == row.answer


def test_every_cause_is_in_the_table() -> None:
    told = {row.answer.cause for row in TABLE if isinstance(row.answer, Denied)}
    assert told | {PossessionCause.UNKNOWN_SESSION} == set(PossessionCause)


@pytest.mark.parametrize("used", [None, UsedProof(SHOWN.request, FORMER, 0)])
def test_unknown_session_is_denied(used: UsedProof | None) -> None:
    assert decide_possession(None, used, SHOWN, GRANT, NOW) == denied("unknown_session")


standings = st.builds(
    SessionState,
    head=st.builds(
        Head, st.just(7), st.just(NOW), st.just(NOW), jkt=st.sampled_from([None, KEY, OTHER])
    ),
    seen=st.booleans(),
    revoked=st.booleans(),
    subscriber_epoch=st.none() | st.integers(2, 4),
    deadline=st.integers(NOW - 10, NOW + 1000),
)
proofs = st.none() | st.builds(
    UsedProof,
    request=st.sampled_from([b"r" * 32, b"x" * 32]),
    grant=st.none() | st.just(FORMER),
    resends=st.integers(0, MAX_RESENDS + 1),
)
grants = st.none() | st.builds(Grant, st.just(NOW), st.integers(NOW + 60, NOW + 7200))


@given(standings, proofs, grants)
def test_nothing_is_accepted_but_of_a_session_that_stands_and_for_its_key(
    state: SessionState, used: UsedProof | None, grant: Grant | None
) -> None:
    judgement = decide_possession(state, used, SHOWN, grant, NOW)
    if isinstance(judgement, Accepted):
        assert not state.revoked
        assert state.subscriber_epoch == SHOWN.epoch
        assert state.head.jkt in (None, KEY)
        assert judgement.bound <= (state.head.jkt is None)
        assert judgement.resent is (used is not None)
        if not judgement.resent and judgement.grant is not None:
            assert NOW < judgement.grant.expires_at <= state.deadline


@given(standings, proofs, grants)
def test_what_a_proof_was_used_for_is_never_granted_anew(
    state: SessionState, used: UsedProof | None, grant: Grant | None
) -> None:
    judgement = decide_possession(state, used, SHOWN, grant, NOW)
    if used is not None and isinstance(judgement, Accepted):
        assert judgement == resent(used.grant)
