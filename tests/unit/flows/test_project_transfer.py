"""A project as lines: what an export says, and what an import accepts, refuses and counts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from uuid import UUID

import pytest
from msgspec.structs import replace

from satmint.flows import project_transfer
from satmint.flows.project_transfer import (
    ImportRefused,
    ImportResult,
    export_project,
    find_or_create_project,
    import_lines,
    read_header,
)
from satmint.flows.projects import create_project, delete_project
from satmint.flows.rooms import NewRoom, create_room
from satmint.flows.webhooks import create_webhook
from satmint.model.events import Event, EventKind
from satmint.model.listing import Window
from satmint.model.project_export import (
    FORMAT,
    MAX_LINE_BYTES,
    AddressLine,
    C2cTokenLine,
    End,
    Header,
    Line,
    RecordLine,
    SubscriberLine,
    WebhookLine,
    encode_line,
    type_of,
)
from satmint.model.records import AddressType, Project
from satmint.store.contract import ImportOutcome, TransferStore
from tests.kit.clock import NOW
from tests.kit.service import ORIGIN, Server

HEADER = Header(FORMAT, 1, UUID(int=7), "acme", NOW)
BOB = SubscriberLine(
    *(UUID(int=1), "bob", None, None, None, None, None, None, None, None, None, NOW, NOW)
)
LOBBY = AddressLine(
    *(UUID(int=2), "public", "lobby", "Lobby", AddressType.ROOM, "video"),
    *(None, False, None, None, NOW),
)
BUTTON = C2cTokenLine(UUID(int=3), LOBBY.id, "site", "0a" * 32, "", NOW, None)
HOOK = WebhookLine("https://hooks.example.com/alerts")
MANY_TYPES = ["subscriber"] * 2 + ["address"] * 6 + ["room", "click_to_call", "webhook"]


def texts(*lines: Line) -> list[bytes]:
    return [encode_line(line).encode() for line in lines]


def whole(*lines: RecordLine | WebhookLine) -> list[bytes]:
    """The lines behind the header of an export that has these."""
    return texts(*lines, End(Counter(type_of(line) for line in lines)))


@pytest.fixture
async def target(server: Server) -> UUID:
    """A project that has nothing."""
    return (await create_project(server.services, "target")).id


async def imported(server: Server, target: UUID, lines: Iterable[bytes]) -> ImportResult:
    return await import_lines(server.services, target, iter(lines), ORIGIN)


async def exported(server: Server, project: UUID) -> list[Line]:
    found = await server.services.store.projects.get(project)
    assert found is not None
    return [line async for line in export_project(server.services, found)]


@pytest.mark.parametrize("at_once", [1, 2, 500])
async def test_export_has_every_record_once_in_the_order_of_import(
    server: Server, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(project_transfer, "BATCH_LINES", at_once)
    for reference in ("ada", "bob"):
        await server.sign_in(reference)
    await create_room(server.services, server.tenant.id, NewRoom("lobby"))
    await server.c2c_token()
    await create_webhook(server.services, server.tenant.id, HOOK.url, ORIGIN)
    header, *lines, end = await exported(server, server.tenant.id)
    assert header == Header(FORMAT, 1, server.tenant.id, "demo", NOW)
    assert [type_of(line) for line in lines] == MANY_TYPES
    assert len({getattr(line, "id", None) for line in lines}) == len(lines)
    assert end == End(Counter(MANY_TYPES))


async def test_import_adds_what_is_not_there_and_says_so_again(
    server: Server, target: UUID
) -> None:
    lines = (BOB, LOBBY, BUTTON, HOOK)
    first = await imported(server, target, whole(*lines))
    assert (first.added, first.unchanged, first.refused, first.problems) == (4, 0, 0, [])
    ((webhook, url, secret),) = first.secrets
    (created,) = (await server.services.store.webhooks.list(target, Window(10))).items
    assert (created.id, created.url, url) == (webhook, HOOK.url, HOOK.url)
    assert secret.reveal().startswith("whsec_")
    again = await imported(server, target, whole(*lines))
    assert (again.added, again.unchanged, again.refused, again.secrets) == (0, 4, 0, [])
    header, *found, end = await exported(server, target)
    assert (found, type_of(header)) == (list(lines), "project")
    assert end == End({"subscriber": 1, "address": 1, "click_to_call": 1, "webhook": 1})


async def test_import_of_a_click_to_call_token_is_an_event_and_of_others_is_none(
    server: Server, target: UUID
) -> None:
    server.clock.advance(5)
    await imported(server, target, whole(BOB, LOBBY, BUTTON))
    (event,) = (await server.services.store.events.list(target, Window(10))).items
    assert (event.kind, event.subject) == (EventKind.C2C_TOKEN_CREATED, BUTTON.id)
    assert (event.at, event.origin) == (NOW + 5, ORIGIN)


async def test_records_are_written_in_batches(
    server: Server, target: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = list[int]()
    kind = type(server.services.store.transfer)
    add = kind.add

    async def counting(
        self: TransferStore, project: UUID, records: Sequence[tuple[RecordLine, Event | None]]
    ) -> Sequence[ImportOutcome]:
        batches.append(len(records))
        return await add(self, project, records)

    monkeypatch.setattr(kind, "add", counting)
    monkeypatch.setattr(project_transfer, "BATCH_LINES", 2)
    people = [replace(BOB, id=UUID(int=9 + n), reference=f"bob {n}") for n in range(5)]
    result = await imported(server, target, whole(*people))
    assert (batches, result.added) == ([2, 2, 1], 5)


async def test_record_that_cannot_be_added_is_named_with_the_reason(
    server: Server, target: UUID
) -> None:
    await imported(server, target, whole(BOB))
    lines: list[RecordLine | WebhookLine] = [
        replace(BOB, first_name="Robert"),
        replace(BOB, id=UUID(int=21)),
        replace(BUTTON, address_id=UUID(int=22)),
        WebhookLine("https://user@example.com/"),
        LOBBY,
    ]
    result = await imported(server, target, whole(*lines))
    # What is counted at the end differs in nothing: the problems have said so.
    assert [number for number, _ in result.problems] == [2, 3, 4, 5]
    different, taken, incomplete, url = (reason for _, reason in result.problems)
    assert "another version of it, which was kept" in different
    assert "is another's: rename or delete that one" in taken
    assert "belongs to a record that is not in the project" in incomplete
    assert url == "Url must be an https URL without credentials and fragment"
    assert (result.refused, result.added, result.unchanged) == (4, 1, 0)
    assert result.counts == {
        ImportOutcome.DIFFERENT: 1,
        ImportOutcome.TAKEN: 1,
        ImportOutcome.INCOMPLETE: 1,
        ImportOutcome.ADDED: 1,
    }


async def test_line_that_is_none_of_an_export_is_named_and_the_others_are_imported(
    server: Server, target: UUID
) -> None:
    *lines, end = whole(BOB, LOBBY)
    longest = lines[0] + b" " * (MAX_LINE_BYTES - len(lines[0]))
    bad = [
        b"not json",
        *texts(HEADER, replace(BOB, reference="b\u200bob"), replace(BOB, email="b\u200bob")),
        longest + b" ",
    ]
    result = await imported(server, target, [*bad, longest, lines[1], end])
    assert [number for number, _ in result.problems] == [2, 3, 4, 5, 6]
    malformed, second, reference, email, length = (reason for _, reason in result.problems)
    assert malformed.endswith(": correct the line, or export again")
    assert second == "a second header: import one project at a time"
    assert reference.startswith("reference ")
    assert email.startswith("email ")
    assert length.startswith("it is longer than 1048576 bytes")
    assert (result.refused, result.added) == (5, 2)


async def test_at_most_twenty_lines_are_named_and_all_are_counted(
    server: Server, target: UUID
) -> None:
    result = await imported(server, target, [*[b"{}"] * 25, *texts(End({}))])
    assert [number for number, _ in result.problems] == list(range(2, 22))
    assert result.refused == 25


async def test_end_that_counts_other_lines_is_refused(server: Server, target: UUID) -> None:
    with pytest.raises(ImportRefused, match="line 3 counts other lines than the file has"):
        await imported(server, target, texts(BOB, End({"subscriber": 2})))
    # It was imported before.
    assert (await imported(server, target, whole(BOB))).unchanged == 1


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_file_without_its_end_was_cut_and_what_was_read_stays(
    server: Server, target: UUID, number: int
) -> None:
    lines = (BOB, LOBBY)[:number]
    with pytest.raises(ImportRefused, match=f"was cut: it ends at line {number + 1}, without"):
        await imported(server, target, texts(*lines))
    assert (await imported(server, target, whole(*lines))).unchanged == number


async def test_lines_behind_the_end_are_named_unless_they_are_blank(
    server: Server, target: UUID
) -> None:
    blank = await imported(server, target, [*whole(BOB), b"\n", b"  "])
    assert (blank.refused, blank.problems) == (0, [])
    more = await imported(server, target, [*whole(BOB), b"\n", *whole(LOBBY)])
    assert (more.refused, more.added) == (1, 0)
    assert more.problems == [
        (4, "lines follow the end of the export: import one project at a time")
    ]


def test_header_is_the_first_line_of_an_export_of_this_version() -> None:
    assert read_header(encode_line(HEADER).encode()) == HEADER
    none = "line 1 is not the header of an export"
    with pytest.raises(ImportRefused, match=f"{none}: "):
        read_header(b"{}")
    for line, reason in (
        (BOB, f"{none} of `satmint project export`"),
        (replace(HEADER, format="other"), f"{none} of `satmint project export`"),
        (replace(HEADER, version=2), "has format version 2, and this satmint reads 1"),
    ):
        with pytest.raises(ImportRefused, match=reason):
            read_header(encode_line(line).encode())


async def test_project_of_an_export_is_found_or_created(server: Server) -> None:
    demo = replace(HEADER, id=server.tenant.id, name="another")
    assert (await find_or_create_project(server.services, demo)).name == "demo"
    created = await find_or_create_project(server.services, HEADER)
    assert created == Project(HEADER.id, "acme", NOW)
    assert await server.services.store.projects.get(HEADER.id) == created


@pytest.mark.parametrize("name", ["\x1b[31m", " "])
async def test_project_whose_name_cannot_be_printed_is_not_created(
    server: Server, name: str
) -> None:
    with pytest.raises(ImportRefused, match="the name of the project cannot be printed"):
        await find_or_create_project(server.services, replace(HEADER, name=name))
    assert await server.services.store.projects.get(HEADER.id) is None


async def test_project_that_is_deleted_or_whose_name_is_taken_is_not_created(
    server: Server, target: UUID
) -> None:
    with pytest.raises(ImportRefused, match="another project is named target"):
        await find_or_create_project(server.services, replace(HEADER, name="target"))
    assert await server.services.store.projects.get(HEADER.id) is None
    await delete_project(server.services, target, ORIGIN)
    with pytest.raises(ImportRefused, match=f"project {target} was deleted"):
        await find_or_create_project(server.services, replace(HEADER, id=target))
