"""The lines of a project's export: a header, a line for each record, and an end with their numbers.

Never in it: sessions, API tokens, secrets of webhooks, passwords, keys, and guests and visitors.
"""

from collections.abc import Mapping
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from satmint.model.records import AddressType, Channel
from satmint.model.rooms import RoomSettings

FORMAT: Final = "satmint-project"
VERSION: Final = 1
MAX_LINE_BYTES: Final = 1_048_576

_NO_ID: Final = UUID(int=0)
"""Stands for no record, and for no project."""
_LATEST: Final = 253_402_300_799
"""Unix seconds of the end of the year 9999: later times cannot be shown."""
_Time = Annotated[int, Meta(ge=0, le=_LATEST)]
Text = Annotated[str, Meta(max_length=65_536, pattern=r"\A[^\x00]*\Z")]
"""A text that every database stores."""
_Key = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\A[^\x00]*\Z")]
_Name = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,100}\Z")]
"""A part of an address, `/context/name`."""
_Url = Annotated[str, Meta(max_length=2048, pattern=r"\A(?i:https?)://[^\s\x00-\x1f\x7f]+\Z")]
_CHANNEL: Final = f"(?:{'|'.join(Channel)})"


class _ExportLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """A line."""


class Header(_ExportLine, frozen=True, tag="project"):
    """The first line."""

    format: str
    version: int
    id: UUID
    name: _Key
    created_at: _Time


class SubscriberLine(_ExportLine, frozen=True, tag="subscriber"):
    """A subscriber, without its password and its sessions."""

    id: UUID
    reference: _Key
    email: _Key | None
    first_name: Text | None
    last_name: Text | None
    display_name: Text | None
    job_title: Text | None
    time_zone: Text | None
    country: Text | None
    region: Text | None
    company_name: Text | None
    created_at: _Time
    updated_at: _Time


class AddressLine(_ExportLine, frozen=True, tag="address"):
    """An address, of a subscriber, of a room, or by itself."""

    id: UUID
    context: _Name
    name: _Name
    display_name: Text
    type_: AddressType = msgspec.field(name="address_type")
    channels: Annotated[str, Meta(pattern=rf"\A(?:{_CHANNEL}(?: {_CHANNEL})*)?\Z")]
    """Separated by spaces."""
    subscriber_id: UUID | None
    locked: bool
    cover_url: _Url | None
    preview_url: _Url | None
    created_at: _Time


class RoomLine(_ExportLine, frozen=True, tag="room"):
    """A conference room."""

    id: UUID
    address_id: UUID
    name: _Name
    display_name: Text
    settings: Text
    """`RoomSettings` as a JSON object."""
    created_at: _Time
    updated_at: _Time


class C2cTokenLine(_ExportLine, frozen=True, tag="click_to_call"):
    """A Click-to-Call token: its digest, by which the texts in web pages stay good."""

    id: UUID
    address_id: UUID
    name: _Key
    digest: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    origins: Text
    created_at: _Time
    disabled_at: _Time | None


class WebhookLine(_ExportLine, frozen=True, tag="webhook"):
    """A webhook, without its secret: an import makes a new one."""

    url: Text


class End(_ExportLine, frozen=True, tag="end"):
    """The last line, without which a file is not complete."""

    counts: Mapping[str, int]
    """By the type of lines."""


RecordLine = SubscriberLine | AddressLine | RoomLine | C2cTokenLine
"""A line whose record keeps its id."""
Line = Header | RecordLine | WebhookLine | End

_DECODER: Final = msgspec.json.Decoder(Line)
_SETTINGS: Final = msgspec.json.Decoder(RoomSettings)
_ENCODER: Final = msgspec.json.Encoder()


class LineRefused(ValueError):
    """A line is not one of an export. The message says why, and repeats no value."""


def decode_line(text: bytes) -> Line:
    """Read a line.

    Raises:
        LineRefused: it is none.
    """
    try:
        line: Line = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LineRefused(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise LineRefused("it has a number or a nesting that no export has") from error
    if getattr(line, "id", None) == _NO_ID:
        raise LineRefused("its id is none")
    if isinstance(line, RoomLine) and not _are_settings(line.settings):
        raise LineRefused("its settings are none of a room")
    return line


def _are_settings(text: str) -> bool:
    try:
        settings = _SETTINGS.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    times = (settings.join_from, settings.join_until, settings.remove_at)
    return all(0 <= time <= _LATEST for time in times if time is not None)


def encode_line(line: Line) -> str:
    """The text of a line, without its end."""
    return _ENCODER.encode(line).decode()


def type_of(line: Line) -> str:
    """The type of a line."""
    return str(type(line).__struct_config__.tag)
