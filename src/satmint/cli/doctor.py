"""`satmint doctor`: examine a deployment, and say of each finding what to do."""

import asyncio
import inspect
import shutil
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
import typer
from rich.text import Text

from satmint import __version__
from satmint.cli.cells import escape_unprintable
from satmint.cli.command import DEV_FOLDER, Data, settings_at
from satmint.cli.demo import read_saved_demo
from satmint.cli.live import live_fault
from satmint.cli.options import Config, Json, setting_parameters, settings_from
from satmint.cli.plain import HELP_NAMES, PlainCommand
from satmint.cli.report import Failure, Report
from satmint.cli.serve import PANELS
from satmint.cli.streams import is_unicode
from satmint.doctor.examination import GROUPS, ExaminationContext, examine
from satmint.doctor.finding import Finding, Level
from satmint.settings import Settings
from satmint.settings_sources import absolute_paths

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_HELP: Final = """Examine a deployment, and say of each finding what to do.

Looks at the settings, the keyring, the database, the disk, the certificate, the server of this
machine, and at the public URL and the cluster host from outside. Nothing is changed. Start it with
the settings of the server: the same variables, file or options.

The exit code is 0 if no error was found, also with warnings, and 1 otherwise.
"""
_MARKS: Final = {Level.OK: "✓", Level.WARNING: "!", Level.ERROR: "✗", Level.SKIPPED: "-"}
_WORDS: Final = {
    Level.OK: "ok",
    Level.WARNING: "warning",
    Level.ERROR: "ERROR",
    Level.SKIPPED: "skipped",
}
_STYLES: Final = {
    Level.OK: "green",
    Level.WARNING: "yellow",
    Level.ERROR: "bold red",
    Level.SKIPPED: "dim",
}
_WIDTH: Final = 80

Live = Annotated[
    bool,
    typer.Option(
        "--live",
        metavar="",
        help="Only ask the server of this machine for `/livez`: the health check of containers.",
    ),
]


def _doctor(
    config: Path | None = None,
    data: Path | None = None,
    as_json: bool = False,
    live: bool = False,
    **given: str | None,
) -> None:
    report = Report(as_json=as_json)
    report.require_output()
    settings, around = _deployment(data, given, config)
    if live:
        fault = live_fault(settings)
        if fault:
            raise Failure(fault)
        report.write_json({"live": True})
        return
    findings = asyncio.run(examine(settings, context=around))
    if around.ca_file is not None and not settings.admin_port:  # `satmint dev` without one
        findings = [one for one in findings if one.group != "admin"]
    counts = {level: sum(one.level is level for one in findings) for level in Level}
    errors = counts[Level.ERROR]
    report.write_json(
        {
            "healthy": not errors,
            "version": __version__,
            "counts": {level.value: count for level, count in counts.items()},
            "findings": [
                {"group": one.group, **msgspec.structs.asdict(_Row.of(one))} for one in findings
            ],
        }
    )
    if not as_json:
        _write(report, findings)
        report.write_line()
        report.write_line(_total(counts))
    if errors:
        raise Failure("1 error was found" if errors == 1 else f"{errors} errors were found")


class _Row(msgspec.Struct, frozen=True):
    """A finding in JSON."""

    check: str
    level: Level
    summary: str
    remedy: str

    @classmethod
    def of(cls, finding: Finding) -> "_Row":
        """The row of a finding."""
        return cls(finding.check, finding.level, finding.summary, finding.remedy)


def _deployment(
    data: Path | None, given: dict[str, str | None], config: Path | None
) -> tuple[Settings, ExaminationContext]:
    """The settings of the deployment, and whom to trust where `satmint dev` is examined."""
    located = settings_at(data, given["database"], given["keyring"], config)
    options = {
        **given,
        "database": located.database,
        "keyring": located.keyring,
        "cluster_host": given["cluster_host"] or located.cluster_host,
        "admin_host": given["admin_host"] or located.admin_host,
        "admin_port": given["admin_port"] or located.admin_port,
    }
    settings = absolute_paths(settings_from(options, config))
    folder = Path(settings.keyring).parent
    ca_file = folder / "ca.pem"
    is_dev = data is not None or folder == DEV_FOLDER.absolute()
    demo = read_saved_demo(folder) if is_dev else None
    if demo is None or not ca_file.is_file():
        return settings, ExaminationContext()
    # A development server tells its https port with its cluster host.
    port = urlsplit(f"//{demo.cluster_host}").port or 443
    changed = msgspec.structs.replace(
        settings,
        host="127.0.0.1",
        port=port,
        admin_port=0 if demo.admin is None else settings.admin_port,
        tls_cert=str(folder / "server.pem"),
        tls_key=str(folder / "server.key"),
    )
    return changed, ExaminationContext(ca_file=ca_file)


def _write(report: Report, findings: Sequence[Finding]) -> None:
    width = _WIDTH
    if sys.stdout.isatty():
        width = max(40, min(shutil.get_terminal_size().columns, 120))
    marks = _MARKS if is_unicode(sys.stdout) else _WORDS
    for number, (group, members) in enumerate(groupby(findings, lambda one: one.group)):
        if number:
            report.write_line()
        report.write_line(Text(GROUPS[group], "bold"))
        for finding in members:
            for line in _lines(finding, marks[finding.level], width):
                report.write_line(line)


def _lines(finding: Finding, mark: str, width: int) -> list[Text]:
    """The lines of a finding. Words longer than a line stay whole, so that they can be copied."""
    column = 1 if len(mark) == 1 else max(map(len, _WORDS.values()))
    arrow = "→ " if len(mark) == 1 else "> "
    pad = " " * (column + 3)
    first, *rest = _wrapped(finding.summary, width - len(pad))
    style = _STYLES[finding.level]
    found = [Text.assemble("  ", (mark.ljust(column), style), " ", first)]
    found += [Text(f"{pad}{line}") for line in rest]
    for number, line in enumerate(_wrapped(finding.remedy, width - len(pad) - 2)):
        found.append(Text(f"{pad}{'  ' if number else arrow}{line}"))
    return found


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in escape_unprintable(text).split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _total(counts: dict[Level, int]) -> str:
    names = {
        Level.ERROR: ("error", "errors"),
        Level.WARNING: ("warning", "warnings"),
        Level.OK: ("check is good", "checks are good"),
        Level.SKIPPED: ("check was skipped", "checks were skipped"),
    }
    parts = [
        f"{counts[level]} {one if counts[level] == 1 else many}"
        for level, (one, many) in names.items()
    ]
    return ", ".join(parts) + "."


def _signature() -> inspect.Signature:
    """The parameters of the command: its own, and every setting."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = {"config": (Config, None), "data": (Data, None), "as_json": (Json, False)}
    own["live"] = (Live, False)
    return inspect.Signature(
        [
            *(
                inspect.Parameter(name, keyword, default=default, annotation=annotation)
                for name, (annotation, default) in own.items()
            ),
            *setting_parameters(PANELS),
        ]
    )


_doctor.__signature__ = _signature()  # type: ignore[attr-defined]
app.command("doctor", cls=PlainCommand, help=_HELP, context_settings=HELP_NAMES)(_doctor)
