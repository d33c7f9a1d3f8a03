"""Django and Flask under gunicorn: workers forked after the session was used, and threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from kit.programs import Program, sign_ins
from kit.server import Live
from satmint_sdk._ambient import SYSTEM_CLOCK

READERS = 4
REFRESHES = 2


def served(program: Program, workers: int) -> dict[int, int]:
    """Read until each worker has refreshed so often; by process, how often each has."""
    url = program.hear(r"Listening at: (http://[\d.:]+)")
    refreshed: dict[int, int] = {}

    def is_enough() -> bool:
        return len(refreshed) == workers and min(refreshed.values()) >= REFRESHES

    def read(_: int) -> set[int]:
        statuses = set()
        with httpx.Client(timeout=60, headers={"connection": "close"}) as http:
            while not is_enough():
                answer = http.get(f"{url}/me")
                statuses.add(answer.status_code)
                if not answer.is_success:
                    break
                refreshed[answer.json()["pid"]] = answer.json()["refreshed"]
                SYSTEM_CLOCK.sleep(0.1)
        return statuses

    with ThreadPoolExecutor(READERS) as pool:
        assert set.union(*pool.map(read, range(READERS))) == {200}
    return refreshed


def test_workers_forked_from_a_preloaded_django_site_share_one_session(
    live: Live, tmp_path: Path
) -> None:
    options = ["--preload", "--workers=3", "--bind=127.0.0.1:0", "django_site"]
    with Program(tmp_path, live, "-m", "gunicorn", *options, REFERENCE="django") as program:
        refreshed = served(program, workers=3)
        assert program.process.pid not in refreshed
        assert program.stop() == 0
        program.check(resources=False)  # gunicorn's own
    assert sign_ins(live, "django") == 1


def test_threads_of_a_flask_application_share_one_session(live: Live, tmp_path: Path) -> None:
    options = ["--threads=4", "--bind=127.0.0.1:0", "flask_app"]
    with Program(tmp_path, live, "-m", "gunicorn", *options, REFERENCE="flask") as program:
        assert len(served(program, workers=1)) == 1
        assert program.stop() == 0
        program.check(resources=False)  # gunicorn's own
    assert sign_ins(live, "flask") == 1
