"""Compare what the server's reader saw in a stream: in one piece, in segments, and beside h11."""

from typing import Final

from tests.fuzz.stream_body_strictness import BODY_REASONS
from tests.fuzz.stream_head_strictness import HEAD_REASONS
from tests.fuzz.stream_reading import End, Head, Headers, Reading, Request
from tests.fuzz.stream_reference import ReferenceReading, ReferenceRequest
from tests.fuzz.stream_strictness import Reason
from tests.fuzz.targets import ACCEPTED, Found

NO_REQUEST: Final = "no whole request"


def check_split(whole: Reading, parts: Reading) -> None:
    """Check that the segments made no difference.

    Raises:
        Found: they did.
    """
    if (whole.end, whole.rest) != (parts.end, parts.rest):
        raise Found(
            f"{whole.end.value} {whole.cause}, or {parts.end.value} {parts.cause} in segments"
        )
    if whole.complete() != parts.complete():
        raise Found(f"{whole.complete()}, or {parts.complete()} in segments")
    left = [reading.requests[len(reading.complete()) :] for reading in (whole, parts)]
    if [request.head for request in left[0]] != [request.head for request in left[1]]:
        raise Found(f"{left[0]}, or {left[1]} in segments")
    for one, other in zip(*left, strict=True):
        # A refusal keeps back what came with it in one segment.
        if not _one_begins_the_other(one.body, other.body) or (
            whole.end is End.OPEN and one.body != other.body
        ):
            raise Found(f"a body {one.body!r}, or {other.body!r} in segments")


def check_reference(ours: Reading, reference: ReferenceReading) -> str:
    """Check that the server saw what h11 saw, or was right to refuse it.

    Returns:
        What became of the stream, to be counted.

    Raises:
        Found: a difference without a reason.
    """
    if len(ours.requests) > len(reference.requests):
        raise Found(f"accepted; h11 {reference.end.value}: {reference.error}")
    for request, theirs in zip(ours.requests, reference.requests, strict=False):
        _check_request(request, theirs)
    if ours.end is End.REFUSED:
        return _check_refusal(ours, reference)
    _check_end(ours, reference)
    return ACCEPTED if ours.complete() else NO_REQUEST


def _check_request(ours: Request, theirs: ReferenceRequest) -> None:
    if _comparable(ours.head) != _comparable(theirs.head):
        raise Found(f"{ours.head}, but {theirs.head} by h11")
    if ours.expects_continue is not (theirs.expects_continue and theirs.declares_body):
        raise Found(f"{ours.expects_continue=}, but {theirs.expects_continue} by h11")
    if ours.complete and not (theirs.complete and ours.body == theirs.body):
        raise Found(f"a body {ours.body!r}, but {theirs.body!r} by h11")
    if not _one_begins_the_other(ours.body, theirs.body):
        raise Found(f"a body begins {ours.body!r}, but {theirs.body!r} by h11")
    against = reasons(theirs, complete=ours.complete)
    if against:
        raise Found(f"accepted, in spite of {against[0]}")


def _check_refusal(ours: Reading, reference: ReferenceReading) -> str:
    refused = len(ours.complete())
    in_head = refused == len(ours.requests)
    if refused < len(reference.requests):
        theirs = reference.requests[refused]
        for reason in reasons(theirs, complete=True):
            if ours.cause in reason.causes:
                return f"refused, and not by h11: {reason}"
        if in_head or theirs.complete:
            raise Found(f"refused for no known reason: {ours.status} {ours.cause}")
    if reference.end is End.REFUSED:
        return f"refused by both: {ours.status} {ours.cause}"
    if reference.end is not End.OPEN:
        raise Found(f"refused {ours.cause} where h11 {reference.end.value}")
    return f"refused before h11 decides: {ours.cause}"


def _check_end(ours: Reading, reference: ReferenceReading) -> None:
    if len(reference.requests) != len(ours.requests):
        raise Found(f"{ours.end.value} where h11 accepts {reference.requests[len(ours.requests)]}")
    if ours.requests and reference.requests[-1].complete and not ours.requests[-1].complete:
        raise Found("waits for more of a body that h11 has in full")
    # h11 refuses some requests before they are complete that the server awaits the end of.
    same = ours.end is reference.end or (ours.end is End.OPEN and reference.end is End.REFUSED)
    if not same or ours.rest != reference.rest:
        raise Found(f"{ours.end.value} where h11 {reference.end.value} {reference.error}")


def reasons(request: ReferenceRequest, *, complete: bool) -> list[Reason]:
    """Each reason to refuse this request.

    Args:
        request: As h11 read it.
        complete: Whether its body is to be looked at as well.
    """
    known = HEAD_REASONS + BODY_REASONS if complete else HEAD_REASONS
    return [reason for reason in known if reason.holds(request)]


def _comparable(head: Head) -> tuple[object, ...]:
    raw = bytes(head.raw)
    return head.method, head.target, head.version, _lower_coding(head.headers), head.keep_alive, raw


def _lower_coding(headers: Headers) -> Headers:
    """h11 hands on transfer codings in lower case (RFC 9112, section 7, has them so compared)."""
    return [
        (name, value.lower() if name == b"transfer-encoding" else value) for name, value in headers
    ]


def _one_begins_the_other(one: bytearray, other: bytearray) -> bool:
    return one.startswith(other) or other.startswith(one)
