"""Exports a project as lines, and imports them: see `satmint.model.project_export`."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from satmint.flows.service_context import ServiceContext
from satmint.flows.webhooks import create_webhook
from satmint.model.events import EventKind, Origin
from satmint.model.listing import Window
from satmint.model.project_export import (
    FORMAT,
    MAX_LINE_BYTES,
    VERSION,
    AddressLine,
    C2cTokenLine,
    End,
    Header,
    Line,
    LineRefused,
    RecordLine,
    RoomLine,
    SubscriberLine,
    WebhookLine,
    decode_line,
    type_of,
)
from satmint.model.records import Project
from satmint.model.references import reference_error
from satmint.model.refusals import Unprocessable
from satmint.model.secrets import SecretText
from satmint.store.contract import ImportOutcome, NotUnique

BATCH_LINES: Final = 500
"""Records that are in memory, and that are written in one transaction."""
MAX_PROBLEMS: Final = 20
"""How many lines are named; all are counted."""
_KINDS: Final[tuple[type[RecordLine], ...]] = (SubscriberLine, AddressLine, RoomLine, C2cTokenLine)
_REMEDIES: Final = {
    ImportOutcome.DIFFERENT: "the project has another version of it, which was kept: delete that,"
    " or change it by hand",
    ImportOutcome.TAKEN: "its name, reference, e-mail address or token is another's: rename or"
    " delete that one",
    ImportOutcome.INCOMPLETE: "it belongs to a record that is not in the project: correct the line"
    " of that one",
}


class ImportRefused(Exception):
    """The file is no export, or not all of one. The message names the remedy."""


@dataclass(slots=True)
class ImportResult:
    """What was imported."""

    counts: Counter[str] = field(default_factory=Counter)
    """By `ImportOutcome`; webhooks count as well."""
    problems: list[tuple[int, str]] = field(default_factory=list)
    """The first lines that were not imported: their numbers, from 1, and why."""
    refused: int = 0
    """The number of all of them."""
    secrets: list[tuple[UUID, str, SecretText]] = field(default_factory=list)
    """Webhooks that were created: id, URL and signing secret, which is shown only once."""

    @property
    def added(self) -> int:
        """Records that were not there."""
        return self.counts[ImportOutcome.ADDED]

    @property
    def unchanged(self) -> int:
        """Records that were there already."""
        return self.counts[ImportOutcome.UNCHANGED]

    def refuse(self, number: int, reason: str) -> None:
        """Note a line that is not imported."""
        self.refused += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append((number, reason))


async def export_project(services: ServiceContext, project: Project) -> AsyncGenerator[Line, None]:
    """The lines of a project's export, in the order in which they are imported."""
    counts: Counter[str] = Counter()
    yield Header(
        format=FORMAT,
        version=VERSION,
        id=project.id,
        name=project.name,
        created_at=project.created_at,
    )
    for kind in _KINDS:
        after: UUID | None = None
        while found := await services.store.transfer.read(project.id, kind, after, BATCH_LINES):
            for record in found:
                counts[type_of(record)] += 1
                yield record
            after = found[-1].id
    page = await services.store.webhooks.list(project.id, Window(1000))
    for webhook in page.items:
        counts["webhook"] += 1
        yield WebhookLine(webhook.url)
    yield End(dict(counts))


def read_header(text: bytes) -> Header:
    """The first line of an export.

    Raises:
        ImportRefused: it is none of this version.
    """
    try:
        header = decode_line(text)
    except LineRefused as error:
        message = f"line 1 is not the header of an export: {error}"
        raise ImportRefused(message) from error
    if not isinstance(header, Header) or header.format != FORMAT:
        raise ImportRefused("line 1 is not the header of an export of `satmint project export`")
    if header.version != VERSION:
        message = (
            f"the file has format version {header.version}, and this satmint reads {VERSION}:"
            " import it with the version that wrote it, or a newer one"
        )
        raise ImportRefused(message)
    return header


async def find_or_create_project(services: ServiceContext, header: Header) -> Project:
    """The project of an export, which is created if it does not exist.

    Raises:
        ImportRefused: it was deleted, its name cannot be printed, or another one has its name.
    """
    found = await services.store.projects.get(header.id)
    if found is not None and found.deleted_at is None:
        return found
    if found is not None:
        message = f"project {header.id} was deleted: create another one, and pass it with --into"
        raise ImportRefused(message)
    if not header.name.isprintable() or not header.name.strip():
        message = "the name of the project cannot be printed: pass --into to import into another"
        raise ImportRefused(message)
    project = Project(header.id, header.name, header.created_at)
    try:
        await services.store.projects.create(project, unique=True)
    except NotUnique as taken:
        message = (
            f"another project is named {header.name}: rename it, or pass --into to import into it"
        )
        raise ImportRefused(message) from taken
    return project


async def import_lines(
    services: ServiceContext, project: UUID, lines: Iterator[bytes], origin: Origin
) -> ImportResult:
    """Import the lines after the header into a project; see `ImportRefused` and `ImportOutcome`.

    Records that the project has are not changed, so that a file may be imported again.

    Raises:
        ImportRefused: the last line is missing: the file was cut. What was read is imported.
    """
    importing = _Import(services, project, origin)
    counted: Counter[str] = Counter()
    number = 1
    for number, text in enumerate(lines, start=2):
        line = _checked(importing.result, number, text)
        if isinstance(line, End):
            await importing.flush()
            if dict(line.counts) != dict(counted) and not importing.result.refused:
                message = f"line {number} counts other lines than the file has: export it again"
                raise ImportRefused(message)
            if any(rest.strip() for rest in lines):
                reason = "lines follow the end of the export: import one project at a time"
                importing.result.refuse(number + 1, reason)
            return importing.result
        if line is not None:
            counted[type_of(line)] += 1
            await importing.add(number, line)
    await importing.flush()
    message = (
        f"the file was cut: it ends at line {number}, without the line that counts the others."
        " Import the whole file; what is in the project stays"
    )
    raise ImportRefused(message)


def _checked(
    result: ImportResult, number: int, text: bytes
) -> RecordLine | WebhookLine | End | None:
    """A line that may be imported; None: it was refused."""
    try:
        if len(text) > MAX_LINE_BYTES:
            raise LineRefused(f"it is longer than {MAX_LINE_BYTES} bytes")  # noqa: TRY301
        line = decode_line(text)
    except LineRefused as error:
        result.refuse(number, f"{error}: correct the line, or export again")
        return None
    if isinstance(line, Header):
        result.refuse(number, "a second header: import one project at a time")
        return None
    if isinstance(line, SubscriberLine):
        for name, value in (("reference", line.reference), ("email", line.email)):
            fault = None if value is None else reference_error(value)
            if fault is not None:
                result.refuse(number, f"{name} {fault}")
                return None
    return line


class _Import:
    """An import in progress."""

    def __init__(self, services: ServiceContext, project: UUID, origin: Origin) -> None:
        self._services = services
        self._project = project
        self._origin = origin
        self._batch: list[tuple[int, RecordLine]] = []
        self.result = ImportResult()

    async def add(self, number: int, line: RecordLine | WebhookLine) -> None:
        """Import a line, with others."""
        if isinstance(line, WebhookLine):
            await self.flush()
            await self._add_webhook(number, line)
            return
        self._batch.append((number, line))
        if len(self._batch) >= BATCH_LINES:
            await self.flush()

    async def flush(self) -> None:
        """Import the lines that wait."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        now = self._services.clock.now()
        records = [
            (
                line,
                self._services.new_event(
                    EventKind.C2C_TOKEN_CREATED, self._project, self._origin, now, subject=line.id
                )
                if isinstance(line, C2cTokenLine)
                else None,
            )
            for _, line in batch
        ]
        outcomes: Sequence[ImportOutcome] = await self._services.store.transfer.add(
            self._project, records
        )
        for (number, _), outcome in zip(batch, outcomes, strict=True):
            self.result.counts[outcome] += 1
            if outcome in _REMEDIES:
                self.result.refuse(number, _REMEDIES[outcome])

    async def _add_webhook(self, number: int, line: WebhookLine) -> None:
        """Create a webhook with a new secret, unless there is one of the same URL."""
        page = await self._services.store.webhooks.list(self._project, Window(1000))
        if any(webhook.url == line.url for webhook in page.items):
            self.result.counts[ImportOutcome.UNCHANGED] += 1
            return
        try:
            webhook, secret = await create_webhook(
                self._services, self._project, line.url, self._origin
            )
        except Unprocessable as refusal:
            self.result.refuse(number, "; ".join(one.message for one in refusal.field_errors))
            return
        self.result.counts[ImportOutcome.ADDED] += 1
        self.result.secrets.append((webhook.id, webhook.url, secret))
