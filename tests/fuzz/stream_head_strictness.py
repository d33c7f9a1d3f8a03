"""Reasons to refuse a request for its request line or its header fields."""

import contextlib
import re
from ipaddress import IPv6Address
from typing import Final

from tests.fuzz.stream_reference import ReferenceRequest
from tests.fuzz.stream_strictness import BARE_CR_OR_LF, CONTROL, FOLD, Reason

HEAD_BYTES: Final = 32 * 1024
LENGTH_DIGITS: Final = 19
METHODS: Final = frozenset(
    b"ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR"
    b" MKCOL MOVE NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH"
    b" SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split()
)
"""Those that llhttp knows for HTTP."""
_LENGTH: Final = re.compile(rb"\ncontent-length:[ \t]*([^\r\n]*?)[ \t]*(?=[\r\n])", re.IGNORECASE)
_TAB_AFTER_CODING: Final = re.compile(rb"\ntransfer-encoding:[^\r\n]*\t *\r", re.IGNORECASE)
_HOST: Final = re.compile(rb"\nhost:[ \t]*([^\r\n]*)", re.IGNORECASE)
_REG_NAME: Final = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_ADDRESS: Final = re.compile(rb"\[([0-9A-Fa-f:.]+)\]")
_PORT: Final = re.compile(rb"(?::[0-9]{0,5})?")
_ABSOLUTE: Final = re.compile(rb"https?://([^/?]*)(?:[/?].*)?", re.IGNORECASE)


def _lengths(request: ReferenceRequest) -> list[bytes]:
    """The values of all lengths; h11 hands on one of several."""
    if b"content-length" not in request.head.raw.lower():
        return []
    return _LENGTH.findall(request.head.raw)


def _several_lengths(request: ReferenceRequest) -> bool:
    lengths = _lengths(request)
    return len(lengths) > 1 or any(b"," in length for length in lengths)


def _coding_in_1_0(request: ReferenceRequest) -> bool:
    return request.head.version == b"1.0" and bool(request.values(b"transfer-encoding"))


def _is_authority(value: bytes) -> bool:
    """RFC 3986, section 3.2, without user information and without addresses of the future."""
    address = _ADDRESS.match(value)
    if address is not None:
        with contextlib.suppress(ValueError):
            IPv6Address(address[1].decode("ascii"))
            return _PORT.fullmatch(value, address.end()) is not None
    name = _REG_NAME.match(value)
    return name is not None and _PORT.fullmatch(value, name.end()) is not None


def _host_field(request: ReferenceRequest) -> bytes | None:
    """Its value; beside an absolute form as well, though the authority replaces it."""
    found = _HOST.search(request.head.raw)
    return None if found is None else found[1].rstrip(b" \t")


def _invalid_host(request: ReferenceRequest) -> bool:
    value = _host_field(request)
    return bool(value) and not _is_authority(value or b"")


def _target_form(request: ReferenceRequest) -> bool:
    target, method = request.target, request.head.method
    if target.startswith(b"/"):
        return False
    if target == b"*":
        return method != b"OPTIONS"
    match = _ABSOLUTE.fullmatch(target)
    return match is None or not _is_authority(match[1])


def _no_handshake(request: ReferenceRequest) -> bool:
    return request.opens_websocket and (request.head.method != b"GET" or request.declares_body)


HEAD_REASONS: Final = (
    # RFC 9112 lets a recipient take it; one that does not sees another end of the head.
    Reason(
        "a line of the head that ends in a bare LF",
        "RFC 9112, 2.2",
        frozenset({"bare_cr_or_lf", "request_line", "head", "head_too_large"}),
        lambda request: BARE_CR_OR_LF.search(request.head.raw) is not None,
    ),
    # A server has to refuse it or replace it by spaces; who does neither reads two fields.
    Reason(
        "a folded header field",
        "RFC 9112, 5.2",
        frozenset({"head"}),
        lambda request: FOLD.search(request.head.raw) is not None,
    ),
    # h11 takes them for the sake of cookies that are said to have them.
    Reason(
        "a control character in a header field",
        "RFC 9110, 5.5",
        frozenset({"head"}),
        lambda request: CONTROL.search(request.head.raw) is not None,
    ),
    # By RFC 9112, section 6.3, the coding overrides the length, and so h11 has it. The same section
    # says what it ought to be handled as: an attempt at smuggling.
    Reason(
        "a length beside a transfer coding",
        "RFC 9112, 6.3",
        frozenset({"head"}),
        lambda request: bool(_lengths(request) and request.values(b"transfer-encoding")),
    ),
    # A recipient may refuse them, or take the one value as h11 does (RFC 9110, section 8.6).
    Reason(
        "several lengths, all the same",
        "RFC 9112, 6.3",
        frozenset({"head"}),
        _several_lengths,
    ),
    # With 20 digits it may not fit into 64 bits, where some recipients read another number.
    Reason(
        "a length of more than 19 digits",
        "RFC 9110, 8.6",
        frozenset({"head", "content_length"}),
        lambda request: any(len(length) > LENGTH_DIGITS for length in _lengths(request)),
    ),
    # llhttp does not take it. Nor may a proxy, which then sees no coding.
    Reason(
        "a tab after a transfer coding",
        "RFC 9110, 5.6.3",
        frozenset({"head"}),
        lambda request: _TAB_AFTER_CODING.search(request.head.raw) is not None,
    ),
    # A recipient of HTTP/1.0 has no codings and reads no body there, or one to the end.
    Reason(
        "a transfer coding in HTTP/1.0",
        "RFC 9112, 6.1",
        frozenset({"transfer_coding_in_1_0"}),
        _coding_in_1_0,
    ),
    # A higher minor version should be taken for 1.1. There is none; so nobody sends one by right.
    Reason(
        "a version that is neither 1.0 nor 1.1",
        "RFC 9110, 2.5",
        frozenset({"http_version"}),
        lambda request: request.head.version not in (b"1.0", b"1.1"),
    ),
    Reason(
        "a method that the server does not know",
        "RFC 9110, 9.1",
        frozenset({"unknown_method", "head"}),
        lambda request: request.head.method not in METHODS,
    ),
    # After an answer of 2xx what follows is no HTTP to a proxy that lets it pass.
    Reason(
        "CONNECT, of which an origin server has no use",
        "RFC 9110, 9.3.6",
        frozenset({"target"}),
        lambda request: request.head.method == b"CONNECT",
    ),
    # Whether it belongs to the path is read in two ways: a rule for paths in a proxy may miss it.
    Reason(
        "a fragment in a target",
        "RFC 9112, 3.2",
        frozenset({"target"}),
        lambda request: b"#" in request.target,
    ),
    Reason(
        "a target in no form that the method has",
        "RFC 9112, 3.2",
        frozenset({"target", "head"}),
        _target_form,
    ),
    # Rightly sent only where the target has no authority, and with http and https all have one.
    Reason(
        "an empty Host",
        "RFC 9110, 4.2.1",
        frozenset({"invalid_host"}),
        lambda request: _host_field(request) == b"",
    ),
    Reason(
        "an invalid Host",
        "RFC 9112, 3.2",
        frozenset({"invalid_host"}),
        _invalid_host,
    ),
    # Who checks the one may not be who acts on the other.
    Reason(
        "several Authorization fields",
        "RFC 9110, 5.3",
        frozenset({"two_authorizations"}),
        lambda request: len(request.values(b"authorization")) > 1,
    ),
    # A proxy that passes it on takes what follows for a WebSocket.
    Reason(
        "a WebSocket asked for otherwise than by a GET without content",
        "RFC 6455, 4.1",
        frozenset({"no_handshake"}),
        _no_handshake,
    ),
    Reason(
        "a head of more than 32 KiB",
        "RFC 6585, 5",
        frozenset({"head_too_large"}),
        lambda request: len(request.head.raw) > HEAD_BYTES,
    ),
)
