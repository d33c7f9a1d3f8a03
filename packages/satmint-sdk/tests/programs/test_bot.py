"""A bot on a live session, for three hours that pass in seconds."""

from __future__ import annotations

from pathlib import Path

from kit.programs import Program, sign_ins
from kit.server import running

LIFE = 900
REFRESHES = 3 * 3600 // LIFE


def test_a_bot_is_online_for_three_hours_on_one_connection(tmp_path: Path) -> None:
    """Tokens live for a quarter of an hour, by the clocks of both sides."""
    with (
        running(tmp_path, SATMINT_MAX_TOKEN_SECONDS=str(LIFE)) as live,
        Program(tmp_path, live, "bot.py", REFERENCE="bot") as program,
    ):
        program.hear("^ready")
        said = dict(line.rsplit(" ", 1) for line in program.output.splitlines()[:-1])
        refreshes = int(said.pop("reauthenticated"))
        assert REFRESHES <= refreshes <= 2 * REFRESHES
        assert said == {
            "phase": "online",
            "connected": "1",
            "online": "1",
            "answered 200": "18",
        }
        assert program.stop() == 0
        program.check()
        assert sign_ins(live, "bot") == 1
