"""Opening handshakes as values: which open a WebSocket (RFC 6455, section 4.2)."""

from http import HTTPStatus
from typing import Final

import pytest

from satmint.server.websocket_handshake import InvalidHandshake, accept_handshake

UPGRADE: Final = (b"upgrade", b"websocket")
VERSION: Final = (b"sec-websocket-version", b"13")
KEY: Final = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")


def test_example_of_the_rfc_is_accepted() -> None:
    """RFC 6455, section 1.3."""
    assert accept_handshake([UPGRADE, VERSION, KEY]) == (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    )


@pytest.mark.parametrize(
    "field",
    [
        (b"origin", b"https://app.example.com"),
        (b"sec-websocket-protocol", b"chat, superchat"),
        (b"x", b"y" * 8191),
        (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits"),
    ],
)
def test_offers_are_ignored(field: tuple[bytes, bytes]) -> None:
    fields = [UPGRADE, VERSION, KEY]
    assert accept_handshake([*fields, field]) == accept_handshake(fields)


@pytest.mark.parametrize("value", [b"WebSocket", b"websocket,", b", websocket"])
def test_protocol_is_named_in_either_case_and_in_a_list(value: bytes) -> None:
    assert accept_handshake([(b"upgrade", value), VERSION, KEY])


@pytest.mark.parametrize(
    "fields",
    [
        [UPGRADE, VERSION],
        [UPGRADE, VERSION, KEY, KEY],
        [UPGRADE, VERSION, (KEY[0], b"")],
        [UPGRADE, VERSION, (KEY[0], b"c2hvcnQ=")],
        [UPGRADE, VERSION, (KEY[0], KEY[1] + b"\n")],
        [UPGRADE, VERSION, (KEY[0], b"*" * 24)],
        [UPGRADE, VERSION, (KEY[0], KEY[1][:-2])],
        [UPGRADE, UPGRADE, VERSION, KEY],
        [(b"upgrade", b"h2c, websocket"), VERSION, KEY],
        [UPGRADE, VERSION, KEY, *[(b"x", b"y")] * 126],
        [UPGRADE, VERSION, KEY, (b"x", b"y" * 8192)],
        [UPGRADE, VERSION, KEY, (b"origin", b"https://a"), (b"origin", b"https://b")],
    ],
)
def test_malformed_handshake_is_a_400(fields: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(InvalidHandshake) as invalid:
        accept_handshake(fields)
    assert invalid.value.status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("versions", [[], [b"12"], [b"13", b"13"], [b"13, 8"]])
def test_other_version_is_a_426(versions: list[bytes]) -> None:
    fields = [UPGRADE, KEY, *((VERSION[0], version) for version in versions)]
    with pytest.raises(InvalidHandshake) as invalid:
        accept_handshake(fields)
    assert invalid.value.status == HTTPStatus.UPGRADE_REQUIRED
