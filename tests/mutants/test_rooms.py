"""The rooms name modules and tests that exist, so that a rename does not empty one."""

import pytest

from tests.mutants.__main__ import candidates_of, equivalents
from tests.mutants.rooms import ROOMS, ROOT, Room


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_everything_that_a_room_names_exists(room: Room) -> None:
    assert all(list(ROOT.glob(modules)) for modules in room.modules)
    assert [path for path in room.tests if not (ROOT / room.folder / path).exists()] == []


def test_every_equivalent_is_a_mutant_and_has_a_reason() -> None:
    known = {candidate.key for room in ROOMS for candidate in candidates_of(room)}
    assert equivalents().keys() <= known
    assert all(reason.endswith(".") for reason in equivalents().values())
