"""A FastAPI application under uvicorn, with the session in its lifespan."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from kit.programs import Program, sign_ins
from kit.server import Live
from satmint_sdk._ambient import SYSTEM_CLOCK

READERS = 3
REFRESHES = 3


def test_requests_go_on_over_refreshes_and_revoked_tokens(live: Live, tmp_path: Path) -> None:
    with Program(tmp_path, live, "fastapi_app.py", REFERENCE="fastapi") as program:
        url = program.hear(r"running on (http://[\d.:]+)")

        def read(_: int) -> set[int]:
            """Ask on, until so many refreshes have gone by."""
            statuses = set()
            with httpx.Client(base_url=url, timeout=60) as http:
                while True:
                    answer = http.get("/me")
                    SYSTEM_CLOCK.sleep(0.05)
                    statuses.add(answer.status_code)
                    if not answer.is_success or answer.json()["refreshed"] >= REFRESHES:
                        return statuses

        with ThreadPoolExecutor(READERS) as pool:
            assert set.union(*pool.map(read, range(READERS))) == {200}
        assert program.stop() == -signal.SIGTERM  # as uvicorn ends after a shutdown in good order
        program.check()
    assert sign_ins(live, "fastapi") == 1
