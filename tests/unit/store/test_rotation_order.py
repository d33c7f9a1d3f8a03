"""Rotations of one session take their turns; one that nobody waits for costs no future."""

from uuid import UUID

from satmint.model.rotation import RefreshTokenRef
from satmint.store.postgres.rotation_order import RotationOrder


def ref(generation: int, session: int = 1) -> RefreshTokenRef:
    return RefreshTokenRef(UUID(int=9), UUID(int=session), generation, epoch=0)


async def test_rotation_alone_and_the_next_one_make_no_future() -> None:
    order = RotationOrder()
    for generation in range(2):
        turn = order.begin(ref(generation))
        other = order.begin(ref(generation, session=2))
        assert (turn.earlier, turn.end, other.earlier, other.end) == ([], None, [], None)
        order.end(ref(generation), turn)
        order.end(ref(generation, session=2), other)
        assert (turn.end, order._under_way) == (None, {})


async def test_later_generation_waits_for_all_earlier_ones() -> None:
    order = RotationOrder()
    first, second = order.begin(ref(0)), order.begin(ref(0))
    assert (second.earlier, second.end) == ([], None)
    later, last = order.begin(ref(1)), order.begin(ref(2))
    assert later.earlier == [first.end, second.end]
    assert last.earlier == [first.end, second.end, later.end]
    order.end(ref(0), first)
    assert [one.done() for one in last.earlier] == [True, False, False]
    order.end(ref(0), second)
    assert all(one.done() for one in later.earlier)
    order.end(ref(1), later)
    assert all(one.done() for one in last.earlier)
    order.end(ref(2), last)
    assert last.end is None
