"""Protected programs whose satmint is killed and comes back."""

from __future__ import annotations

import contextlib
from pathlib import Path

import httpx

from kit.killable_server import Mortal
from kit.programs import wait_until
from kit.protected import sign_in, start, url_of


def test_programs_accept_nothing_while_satmint_is_dead_and_go_on_when_it_is_back(
    tmp_path: Path,
) -> None:
    with Mortal(tmp_path) as server, contextlib.ExitStack() as stack:
        programs = [
            stack.enter_context(start(name, tmp_path, server.live)) for name in ("fastapi", "wsgi")
        ]
        token, _ = sign_in(server.live, "outage")
        other, subscriber = sign_in(server.live, "other")
        clients = [
            stack.enter_context(httpx.Client(base_url=url_of(one), timeout=60)) for one in programs
        ]

        def statuses(token: str) -> set[int]:
            bearer = {"Authorization": f"Bearer {token}"}
            answers = [http.get("/me", headers=bearer) for http in clients]
            assert all("retry-after" in one.headers for one in answers if one.status_code == 503)
            return {one.status_code for one in answers}

        assert statuses(token) == statuses(other) == {200}
        with server.down():
            # The connection of the feed has ended: what was kept is not believed.
            wait_until(lambda: statuses(token) == {503}, "a kept answer is believed")
            assert statuses(other) == {503}
        server.live.revoke(subscriber)
        wait_until(lambda: statuses(token) == {200}, "the programs do not go on")
        wait_until(lambda: statuses(other) == {401}, "a revoked token is good")
        for one in clients:
            one.close()
        for program in programs:
            program.stop()
            program.check(resources=False)
