"""The order of the steps of one session: a later generation does not overtake an earlier one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from satmint.model.rotation import RefreshTokenRef


class RotationOrder:
    """Rotations that are under way, by session.

    Of two callers with the same token, one rotates it and the other one is decided about by the
    full rules, which takes longer. If the first one presented its new token meanwhile, the second
    one would be two generations behind the head: a reuse.
    """

    def __init__(self) -> None:
        self._under_way: dict[tuple[UUID, UUID], list[tuple[int, asyncio.Future[None]]]] = {}

    @asynccontextmanager
    async def turn(self, ref: RefreshTokenRef) -> AsyncIterator[None]:
        """Wait until no earlier generation of the session is under way in this process."""
        key = ref.project, ref.session
        under_way = self._under_way.setdefault(key, [])
        earlier = [done for generation, done in under_way if generation < ref.generation]
        mine = ref.generation, asyncio.get_running_loop().create_future()
        under_way.append(mine)
        try:
            if earlier:
                await asyncio.wait(earlier)
            yield
        finally:
            mine[1].set_result(None)
            under_way.remove(mine)
            if not under_way:
                del self._under_way[key]
