"""Logs: one line for each event, below the level none, and never a local variable."""

import io
import json
import logging
import re

import pytest
import structlog

from satmint.logs import configure_logs


def broken(refresh_token: str) -> None:
    """Fails with a token in a local variable, as any frame below a flow has one."""
    raise RuntimeError(f"it broke at {len(refresh_token)} letters")


LIVE = "eyJhbGciOiJkaXIi-a-live-token"


def test_json_has_one_object_a_line() -> None:
    out = io.StringIO()
    configure_logs("json", "info", out)
    structlog.get_logger("satmint.keys").info("keyring_reloaded", keys=2)
    line = out.getvalue()
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    told = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", told.pop("timestamp"))
    assert told == {
        "event": "keyring_reloaded",
        "keys": 2,
        "level": "info",
        "logger": "satmint.keys",
    }


def test_console_is_plain_where_no_terminal_reads_it() -> None:
    out = io.StringIO()
    configure_logs("console", "info", out)
    structlog.get_logger("satmint.serve").info("listening", url="http://127.0.0.1:8080")
    assert re.fullmatch(
        r"\S+Z \[info     \] listening +\[satmint\.serve\] url=http://127\.0\.0\.1:8080\n",
        out.getvalue(),
    )


@pytest.mark.parametrize("form", ["console", "json"])
def test_traceback_never_shows_local_variables(form: str) -> None:
    out = io.StringIO()
    configure_logs(form, "info", out)
    try:
        broken(LIVE)
    except RuntimeError:
        structlog.get_logger("satmint.http").exception("failed")
    shown = out.getvalue()
    assert "RuntimeError: it broke at 29 letters" in shown
    assert LIVE not in shown


def test_below_the_level_nothing_is_done_at_all() -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError("somebody looked")

        __repr__ = __str__

    out = io.StringIO()
    configure_logs("json", "warning", out)
    log = structlog.get_logger("satmint.http")
    log.debug("seen", value=Costly())
    log.info("seen", value=Costly())
    assert out.getvalue() == ""
    log.warning("told")
    assert json.loads(out.getvalue())["event"] == "told"


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_level_is_the_least_that_is_told(level: str, told: list[str]) -> None:
    out = io.StringIO()
    configure_logs("json", level, out)
    log = structlog.get_logger("satmint.http")
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)(name)
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == told


def test_what_libraries_log_comes_in_the_same_form() -> None:
    out = io.StringIO()
    configure_logs("json", "info", out)
    logging.getLogger("asyncio").info("Started server process")
    logging.getLogger("asyncio").warning("Invalid HTTP request received.")
    logging.getLogger("elsewhere").info("said %s", "so")
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(line["logger"], line["level"], line["event"]) for line in told] == [
        ("asyncio", "warning", "Invalid HTTP request received."),
        ("elsewhere", "info", "said so"),
    ]


def test_traceback_of_a_library_is_told_without_variables_too() -> None:
    out = io.StringIO()
    configure_logs("json", "info", out)
    try:
        broken(LIVE)
    except RuntimeError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    told = json.loads(out.getvalue())
    assert told["event"] == "Task exception was never retrieved"
    assert told["exception"].endswith("RuntimeError: it broke at 29 letters")
    assert LIVE not in told["exception"]
