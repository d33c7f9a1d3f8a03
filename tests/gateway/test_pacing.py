"""What thousands of connections do at once does not hold up requests."""

import asyncio

from satmint.gateway import pacing
from satmint.gateway.pacing import MAX_AUTHENTICATIONS, paced
from tests.kit.gateway import a_gateway
from tests.kit.polling import until
from tests.kit.service import Server


async def test_other_tasks_run_in_between() -> None:
    turns: list[int] = []

    async def count_turns() -> None:
        while True:
            turns.append(len(turns))
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    seen = [number async for number in paced(range(3 * pacing._BATCH_SIZE))]
    assert len(seen) == 3 * pacing._BATCH_SIZE
    assert len(turns) == 3
    counting.cancel()


async def test_so_many_are_authenticated_at_the_same_time(server: Server) -> None:
    pair = await server.sign_in()
    async with a_gateway(server) as gateway, gateway.client() as client:
        slots = gateway.gateway._authentications
        for _ in range(MAX_AUTHENTICATIONS):
            await slots.acquire()
        connecting = asyncio.create_task(client.connected(pair["token"]))
        await until(lambda: slots._waiters)
        assert not connecting.done()
        slots.release()
        await connecting
        assert slots.locked() is False
