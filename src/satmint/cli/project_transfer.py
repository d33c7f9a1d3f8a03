"""`satmint project export` and `import`: a project as JSON lines."""

import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Annotated, Final

import typer

from satmint.cli.command import CommandContext, resolve_project
from satmint.cli.report import Failure, OutputFailed
from satmint.flows.project_transfer import (
    ImportRefused,
    ImportResult,
    export_project,
    find_or_create_project,
    import_lines,
    read_header,
)
from satmint.model.project_export import MAX_LINE_BYTES, encode_line
from satmint.model.records import Project

_STANDARD_INPUT: Final = "-"


async def export(
    ctx: CommandContext,
    project: Annotated[
        str, typer.Argument(metavar="PROJECT", help="The id or the name of the project.")
    ],
) -> None:
    """Write a project to standard output, as JSON lines: `satmint project export NAME > FILE`.

    The file has its subscribers, addresses, rooms, Click-to-Call tokens (digests) and webhooks
    (without secrets). It has no sessions, API tokens, keys and passwords. It contains personal
    data.
    """
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        try:
            async for line in export_project(services, chosen):
                sys.stdout.buffer.write(f"{encode_line(line)}\n".encode())
            sys.stdout.buffer.flush()
        except OSError as error:
            raise OutputFailed(error) from error


async def import_(
    ctx: CommandContext,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The file; `-` reads standard input.")
    ],
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="PROJECT",
            help="The id or the name of an existing project. Default: the project of the file,"
            " which is created with its id if it does not exist.",
        ),
    ] = None,
) -> None:
    """Import a project that `satmint project export` wrote.

    Records keep their ids. What the project has already is not changed, so that an import that was
    interrupted can be repeated. Lines that cannot be imported are named by their number; the others
    are imported. Webhooks get new secrets, which the command prints once. Create an API token
    afterwards: `satmint api-token create`.
    """
    with ExitStack() as stack:
        source: IO[bytes] = (
            sys.stdin.buffer if file == _STANDARD_INPUT else stack.enter_context(_open(file))
        )
        lines = _lines(source)
        try:
            header = read_header(next(lines, b""))
            async with ctx.services(create=True, keyring=True) as services:
                if into is None:
                    project = await find_or_create_project(services, header)
                else:
                    project = await resolve_project(services, into)
                result = await import_lines(services, project.id, lines, ctx.origin)
        except ImportRefused as error:
            raise Failure(str(error)) from error
    _show(ctx, project, result)


def _open(file: str) -> io.BufferedReader:
    try:
        return Path(file).open("rb")
    except FileNotFoundError as error:
        raise Failure(f"there is no file {file}") from error


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    """Lines without their ends; of one that is too long, its beginning."""
    while text := source.readline(MAX_LINE_BYTES + 2):
        line = text.rstrip(b"\r\n")
        while text and not text.endswith(b"\n"):
            text = source.readline(MAX_LINE_BYTES)
        yield line


def _show(ctx: CommandContext, project: Project, result: ImportResult) -> None:
    ctx.report.write_json(
        {
            "project_id": project.id,
            "added": result.added,
            "unchanged": result.unchanged,
            "refused": result.refused,
            "problems": [{"line": number, "reason": why} for number, why in result.problems],
            "webhooks": [
                {"id": webhook, "url": url, "secret": secret.reveal()}
                for webhook, url, secret in result.secrets
            ],
        }
    )
    for number, why in result.problems:
        ctx.report.write_line(f"line {number}: {why}")
    for webhook, url, secret in result.secrets:
        ctx.report.write_properties({"webhook": webhook, "url": url, "secret": secret.reveal()})
    if result.secrets:
        ctx.report.write_line("Store the secrets now: they cannot be shown again.")
    ctx.report.write_line(
        f"Project {project.name} ({project.id}): {result.added} added,"
        f" {result.unchanged} unchanged."
    )
    if result.refused:
        lines = "1 line was" if result.refused == 1 else f"{result.refused} lines were"
        raise Failure(f"{lines} not imported: correct the file, and import it again")
