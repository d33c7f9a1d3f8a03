"""The order of the steps of one session: a later generation does not overtake an earlier one."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from satmint.model.rotation import RefreshTokenRef


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A rotation that is under way."""

    generation: int
    done: asyncio.Future[None]
    earlier: list[asyncio.Future[None]]
    """Those of the session that present earlier generations."""


class RotationOrder:
    """Rotations that are under way, by session.

    Of two callers with the same token, one rotates it and the other one is decided about by the
    full rules, which takes longer. If the first one presented its new token meanwhile, the second
    one would be two generations behind the head: a reuse.
    """

    def __init__(self) -> None:
        self._under_way: dict[tuple[UUID, UUID], list[Turn]] = {}

    def begin(self, ref: RefreshTokenRef) -> Turn:
        """Begin a rotation, which `end` ends. Wait for `earlier` in between, if it is not empty."""
        under_way = self._under_way.setdefault((ref.project, ref.session), [])
        earlier = [one.done for one in under_way if one.generation < ref.generation]
        turn = Turn(ref.generation, asyncio.get_running_loop().create_future(), earlier)
        under_way.append(turn)
        return turn

    def end(self, ref: RefreshTokenRef, turn: Turn) -> None:
        """End a rotation: later generations go on."""
        turn.done.set_result(None)
        key = ref.project, ref.session
        under_way = self._under_way[key]
        under_way.remove(turn)
        if not under_way:
            del self._under_way[key]
