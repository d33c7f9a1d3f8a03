"""Every step of everything fails once, before it happened or just after: nothing is half done."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from satmint.http.resources import OPERATIONS
from tests.faults import requests_of_each_kind  # noqa: F401 - it fills SCENES
from tests.faults.failing_store import FailNth, FailurePoint
from tests.faults.scenes import SCENES, Phase, Scene
from tests.kit.databases import DATABASES, fresh_database
from tests.kit.service import Rows, Server, a_service

WITHOUT_STORE = {"livez", "metrics", "openapi", "stream-revocations", "test-webhook"}
"""The last two are no requests to repeat at once. A store fails under them in
`tests/http/test_revocation_feed.py` and `tests/http/test_webhook_deliveries.py`."""


@pytest.fixture(params=DATABASES)
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    database = await fresh_database(request.param, tmp_path)
    async with a_service(tmp_path, database=database) as server:
        yield server


Change = dict[str, tuple[int, int]]
"""By table: rows that came, and rows that went; a row that was changed is one of each."""


def change(before: Rows, after: Rows) -> Change:
    def counted(rows: Rows, table: str) -> Counter[object]:
        return Counter(rows[table])

    found: Change = {}
    for table in after:
        came = (counted(after, table) - counted(before, table)).total()
        went = (counted(before, table) - counted(after, table)).total()
        if came or went:
            found[table] = came, went
    return found


class Theatre:
    """Plays a scene with a store that fails, on a server whose store is otherwise good."""

    def __init__(self, server: Server, scene: Scene) -> None:
        self.server = server
        self.scene = scene
        self.played = 0

    async def play(self, store: FailNth) -> tuple[int, str, Change, int]:
        """Status and body with that store, what changed, and the status of the next attempt."""
        services, good = self.server.services, self.server.service.store
        self.played += 1
        tenant = self.server.tenant
        addresses = [str(address.id) for address in tenant.addresses]
        execute_steps = Phase(self.server.client, tenant.auth, addresses, self.played)
        send = await self.scene.set_up(execute_steps)
        # A new second, so that what the last one knew of callers is looked up again.
        self.server.clock.advance(1)
        before = await self.server.rows()
        services.store = store.store
        try:
            answer = await send()
        finally:
            services.store = good
        changed = change(before, await self.server.rows())
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
        return answer.status_code, answer.text, changed, (await send()).status_code


def test_every_operation_has_a_request_to_fail() -> None:
    documented = {operation.id for operation in OPERATIONS if operation.documented}
    assert {name.partition(":")[0] for name in SCENES} == documented - WITHOUT_STORE


@pytest.mark.parametrize("name", SCENES)
async def test_store_call_that_fails_changes_all_or_nothing_and_can_be_repeated(
    server: Server, name: str
) -> None:
    theatre = Theatre(server, SCENES[name])
    scene, good = theatre.scene, server.service.store
    never = FailNth(good, nth=0)
    status, _, whole, again = await theatre.play(never)
    assert (status, again) == (scene.status, scene.again)
    for nth, call in enumerate(never.calls, start=1):
        for moment in FailurePoint:
            failing = FailNth(good, nth, moment)
            status, body, changed, again = await theatre.play(failing)
            at = f"{moment} {call}"
            assert (status, body) == (503, '{"error":"Service Unavailable"}'), at
            assert failing.calls == never.calls[:nth], at
            assert changed in ({}, whole), at
            assert changed == {} or moment is FailurePoint.AFTER, at
            assert again == (scene.again if changed else scene.status), at


@pytest.mark.parametrize("name", SCENES)
async def test_bug_in_a_store_call_is_a_500_and_changes_nothing(server: Server, name: str) -> None:
    theatre = Theatre(server, SCENES[name])
    good = server.service.store
    never = FailNth(good, nth=0)
    await theatre.play(never)
    for nth in range(1, len(never.calls) + 1):
        failing = FailNth(good, nth, error=lambda: ZeroDivisionError("a private detail"))
        with capture_logs() as lines:
            status, body, changed, again = await theatre.play(failing)
        assert [line["event"] for line in lines if line["log_level"] == "error"] == ["failed"]
        assert (status, body) == (500, '{"error":"Internal Server Error"}')
        assert (changed, again) == ({}, theatre.scene.status)
