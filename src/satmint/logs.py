"""Logs: one event per decision, to standard error, for people or machines.

Events below the chosen level cost nothing: their methods are no-ops. Tracebacks never show local
variables, which may hold tokens.
"""

import contextlib
import io
import logging
import sys
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

_LIBRARY_LEVELS: Final = {"asyncio": logging.WARNING}
"""Minimum levels of libraries, whose messages would repeat ours."""


def configure_logs(form: str, level: str, stream: TextIO | None = None) -> None:
    """Set up every logger of the process, the standard library's included.

    Args:
        form: `console` or `json`.
        level: `debug`, `info`, `warning` or `error`.
        stream: Where lines go; standard error by default.
    """
    out = sys.stderr if stream is None else stream
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")  # a name may not be in its encoding
    minimum = _LEVELS[level]
    structlog.configure(
        processors=[
            _add_logger,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_json() if form == "json" else _console(colors=out.isatty())),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(minimum),
        logger_factory=lambda name="": _LineWriter(name, out),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_StructlogHandler()]
    root.setLevel(minimum)
    for name, level_of_library in _LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(max(level_of_library, minimum))


def _json() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(separators=(",", ":"), default=str),
    ]


def _console(*, colors: bool) -> list[Processor]:
    # rich's tracebacks would print local variables, tokens among them.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


def _add_logger(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if isinstance(logger, _LineWriter) and logger.name:
        event["logger"] = logger.name
    return event


class _LineWriter:
    """Writes complete lines, each in one call."""

    def __init__(self, name: str, out: TextIO) -> None:
        self.name = name
        self._out = out

    def msg(self, line: str) -> None:
        """Write one line; errors are ignored, so that a full disk does not stop the service."""
        with contextlib.suppress(OSError):
            self._out.write(line + "\n")
            self._out.flush()

    debug = info = warning = error = critical = exception = msg


class _StructlogHandler(logging.Handler):
    """Forwards the standard library's log records to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        extra: dict[str, Any] = {"exc_info": record.exc_info} if record.exc_info else {}
        log = structlog.get_logger(record.name)
        log.log(min(record.levelno, logging.CRITICAL), record.getMessage(), **extra)
