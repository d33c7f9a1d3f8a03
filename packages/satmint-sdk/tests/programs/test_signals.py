"""A service that is stopped, interrupted and frozen, idle and in the middle of a refresh."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from kit.faulty_proxy import NetworkFault, between
from kit.programs import SECONDS, Program, sign_ins, wait_until
from kit.server import Live
from satmint_sdk._ambient import SYSTEM_CLOCK

CLOSING = 5.0
"""Seconds that a session waits at most for a refresh when it is closed."""

ENDS = {
    "default": (signal.SIGTERM, -signal.SIGTERM, None),
    "cancel": (signal.SIGTERM, 0, "stopped"),
    "interrupt": (signal.SIGINT, 130, "interrupted"),
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("when", ["idle", "refreshing"])
def test_a_service_ends_and_the_next_one_goes_on_with_its_session(
    live: Live, tmp_path: Path, how: str, when: str
) -> None:
    number, code, word = ENDS[how]
    reference = f"service-{how}-{when}"
    variables = {"REFERENCE": reference}
    with (
        between(live.host) as road,
        Program(
            tmp_path, live, "service.py", how, SIGNALWIRE_SPACE=road.host, **variables
        ) as program,
    ):
        program.hear("^200 after 0")
        if when == "refreshing":
            # What the server answers now is held until the service has hung up.
            road.always(lambda: NetworkFault.TOO_SLOW)
            wait_until(lambda: road.met[NetworkFault.TOO_SLOW])
        before = SYSTEM_CLOCK.now().mono
        assert program.stop(number) == code
        assert SYSTEM_CLOCK.now().mono - before < CLOSING + SECONDS / 2
        assert word is None or word in program.output.splitlines()
        assert set(program.output.split()) >= {"ready", "200"}
        assert "401" not in program.output
        program.check()
    with Program(tmp_path, live, "service.py", "cancel", **variables) as again:
        again.hear("^200 after")
        assert again.stop() == 0
        again.check()
    assert sign_ins(live, reference) == 1


def test_a_frozen_service_heals_after_its_token_has_expired(live: Live, tmp_path: Path) -> None:
    """As a laptop that was closed, or a virtual machine that was moved."""
    with Program(tmp_path, live, "service.py", "cancel", REFERENCE="frozen") as program:
        program.hear("^200 after 0")
        program.send(signal.SIGSTOP)
        thawed = (
            SYSTEM_CLOCK.now().mono + 6.0
        )  # the first token lives 4 s, and the `Date` is coarse
        wait_until(lambda: SYSTEM_CLOCK.now().mono > thawed)
        program.send(signal.SIGCONT)
        program.hear("^200 after 2")
        assert program.stop() == 0
        assert {line.split()[0] for line in program.output.splitlines()} == {
            *("ready", "200", "stopped")
        }
        program.check()
    assert sign_ins(live, "frozen") == 1
