"""Lines of an export that was edited: what no server could read afterwards is refused."""

import json
from typing import Final

import pytest

from satmint.model.project_export import (
    FORMAT,
    MAX_LINE_BYTES,
    VERSION,
    LineRefused,
    decode_line,
    encode_line,
    type_of,
)

ID: Final = "00000000-0000-4000-8000-000000000001"
TIMES: Final = {"created_at": 1, "updated_at": 1}
ADDRESS: Final = {
    "type": "address",
    "id": ID,
    "context": "public",
    "name": "Lobby_1",
    "display_name": "<b>",
    "address_type": "room",
    "channels": "audio video",
    "subscriber_id": None,
    "locked": False,
    "cover_url": None,
    "preview_url": None,
    "created_at": 1,
}
ROOM: Final = {
    "type": "room",
    "id": ID,
    "address_id": ID,
    "name": "Lobby_1",
    "display_name": "Lobby",
    "settings": '{"join_from":1}',
    **TIMES,
}
HEADER: Final = {
    "type": "project",
    "format": "satmint-project",
    "version": 1,
    "id": ID,
    "name": "acme",
    "created_at": 1,
}


@pytest.mark.parametrize(
    "line",
    [ADDRESS, ROOM, HEADER, {**ADDRESS, "channels": "", "cover_url": "https://a.example/b?c"}],
)
def test_line_of_an_export_is_read(line: dict[str, object]) -> None:
    assert type_of(decode_line(json.dumps(line).encode())) == line["type"]


@pytest.mark.parametrize(
    "line",
    [
        {**HEADER, "created_at": 2**60},
        {**HEADER, "id": "00000000-0000-0000-0000-000000000000"},
        {**ADDRESS, "id": "00000000-0000-0000-0000-000000000000"},
        {**ADDRESS, "created_at": 253_402_300_800},
        {**ADDRESS, "channels": "smell"},
        {**ADDRESS, "channels": "audio  video"},
        {**ADDRESS, "context": "a/b"},
        {**ADDRESS, "name": "a b"},
        {**ADDRESS, "cover_url": "javascript:alert(1)"},
        {**ROOM, "settings": "none"},
        {**ROOM, "settings": '{"max_members":"many"}'},
        {**ROOM, "settings": '{"remove_at":1000000000000}'},
        {**ROOM, "settings": "[" * 10_000},
    ],
    ids=lambda line: json.dumps(line)[-60:],
)
def test_line_that_no_server_could_read_afterwards_is_refused(line: dict[str, object]) -> None:
    with pytest.raises(LineRefused):
        decode_line(json.dumps(line).encode())


@pytest.mark.parametrize(
    "text", ['{"a":' + "[" * 100_000, '{"type":"end","counts":{"a":' + "9" * 6000 + "}}"]
)
def test_nesting_and_numbers_without_bounds_are_refused(text: str) -> None:
    with pytest.raises(LineRefused):
        decode_line(text.encode())


def test_format_of_exports_and_the_length_of_their_lines() -> None:
    assert (FORMAT, VERSION, MAX_LINE_BYTES) == ("satmint-project", 1, 1 << 20)


@pytest.mark.parametrize("line", [ADDRESS, ROOM, HEADER], ids=["address", "room", "project"])
def test_line_is_written_as_it_is_read(line: dict[str, object]) -> None:
    text = encode_line(decode_line(json.dumps(line).encode()))
    assert json.loads(text) == line
    assert "\n" not in text


@pytest.mark.parametrize(
    ("longest", "longer"),
    [
        ({**HEADER, "name": "n" * 255}, {**HEADER, "name": "n" * 256}),
        ({**HEADER, "name": "n"}, {**HEADER, "name": ""}),
        ({**HEADER, "created_at": 0}, {**HEADER, "created_at": -1}),
        ({**HEADER, "created_at": 253_402_300_799}, {**HEADER, "created_at": 253_402_300_800}),
        ({**ADDRESS, "name": "n" * 100}, {**ADDRESS, "name": "n" * 101}),
        ({**ADDRESS, "display_name": "n" * 65_536}, {**ADDRESS, "display_name": "n" * 65_537}),
        (
            {**ADDRESS, "cover_url": f"https://{'a' * 2040}"},
            {**ADDRESS, "cover_url": f"https://{'a' * 2041}"},
        ),
        ({**ROOM, "settings": '{"remove_at":0}'}, {**ROOM, "settings": '{"remove_at":-1}'}),
        (HEADER, {**HEADER, "more": 1}),
        (HEADER, {**HEADER, "type": "projects"}),
    ],
    ids=lambda line: json.dumps(line)[-40:],
)
def test_line_within_its_bounds_is_read_and_one_beyond_them_is_not(
    longest: dict[str, object], longer: dict[str, object]
) -> None:
    decode_line(json.dumps(longest).encode())
    with pytest.raises(LineRefused):
        decode_line(json.dumps(longer).encode())
