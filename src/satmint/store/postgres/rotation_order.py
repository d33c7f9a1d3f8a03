"""The order of the steps of one session: a later generation does not overtake an earlier one."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from satmint.model.rotation import RefreshTokenRef


@dataclass(slots=True, eq=False)
class Turn:
    """A rotation that is under way."""

    generation: int
    earlier: list[asyncio.Future[None]]
    """The ends of those of the session that present earlier generations."""
    end: asyncio.Future[None] | None = None
    """Its end, if a later one waits for it."""

    def awaited_end(self) -> asyncio.Future[None]:
        """Its end, for a later one to wait for."""
        if self.end is None:
            self.end = asyncio.get_running_loop().create_future()
        return self.end


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
        earlier = [one.awaited_end() for one in under_way if one.generation < ref.generation]
        turn = Turn(ref.generation, earlier)
        under_way.append(turn)
        return turn

    def end(self, ref: RefreshTokenRef, turn: Turn) -> None:
        """End a rotation: later generations go on."""
        if turn.end is not None:
            turn.end.set_result(None)
        key = ref.project, ref.session
        under_way = self._under_way[key]
        under_way.remove(turn)
        if not under_way:
            del self._under_way[key]
