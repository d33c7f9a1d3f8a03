"""Asks one URL once, as a client of the deployment does, within a deadline."""

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

SECONDS: Final = 5.0
"""The deadline of a request, with the resolution of the name and the TLS handshake."""
_MAX_HEAD: Final = 32 << 10
_MAX_BODY: Final = 4 << 20
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |\r\n)")


class Failure(Enum):
    """At which step a request failed."""

    NAME = auto()
    """The name has no address."""
    CONNECTION = auto()
    """Nothing accepts the connection."""
    TLS = auto()
    """The certificate is not trusted, or TLS failed otherwise."""
    TIMEOUT = auto()
    PROTOCOL = auto()
    """What answers does not speak HTTP/1.1."""


class Unreachable(Exception):
    """There is no answer."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


class HttpClient:
    """Asks URLs. Certificates are verified, unless the URL is that of a local listener."""

    def __init__(self, ca_file: Path | None = None) -> None:
        """Prepare.

        Args:
            ca_file: Certificates to trust besides those of the system; None for no others.
        """
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None

    async def get(
        self, url: str, headers: Mapping[str, str] | None = None, *, verify: bool = True
    ) -> Answer:
        """Send a GET request.

        Args:
            url: With `http` or `https`.
            headers: More header fields.
            verify: Whether the certificate must be trusted and of the name in the URL.

        Raises:
            Unreachable: there is no answer.
        """
        try:
            async with asyncio.timeout(SECONDS):
                return await self._get(url, headers or {}, verify=verify)
        except Unreachable:
            raise
        except TimeoutError as error:
            reason = f"no answer within {SECONDS:g} s"
            raise Unreachable(Failure.TIMEOUT, reason) from error
        except socket.gaierror as error:
            raise Unreachable(Failure.NAME, "its name has no address in DNS") from error
        except ssl.SSLCertVerificationError as error:
            reason = error.verify_message or "it is not trusted"
            raise Unreachable(Failure.TLS, f"the certificate is refused: {reason}") from error
        except ssl.SSLError as error:
            reason = (error.reason or "failed").lower().replace("_", " ")
            raise Unreachable(Failure.TLS, f"TLS failed: {reason}") from error
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise Unreachable(Failure.PROTOCOL, "the answer is not HTTP/1.1") from error
        except UnicodeError as error:
            raise Unreachable(Failure.NAME, "its name is not one of DNS") from error
        except ValueError as error:
            raise Unreachable(Failure.PROTOCOL, "the answer is not HTTP/1.1") from error
        except OSError as error:
            raise Unreachable(Failure.CONNECTION, _reason_of(error)) from error

    async def upgrade(self, url: str) -> Answer:
        """Send the opening handshake of a WebSocket (RFC 6455, section 4.1), and leave.

        Raises:
            Unreachable: there is no answer.
        """
        return await self.get(
            url,
            {
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                # Any 16 bytes: the nonce of RFC 6455, section 1.3. Nothing is sent afterwards.
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        )

    async def _get(self, url: str, headers: Mapping[str, str], *, verify: bool) -> Answer:
        parts = urlsplit(url)
        host, tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        # Names below `localhost` are this machine's (RFC 6761, section 6.3), as for browsers.
        is_local = host == "localhost" or host.endswith(".localhost")
        address = "127.0.0.1" if is_local else host
        reader, writer = await asyncio.open_connection(
            address,
            port,
            ssl=(await self._tls(verify=verify)) if tls else None,
            server_hostname=host if tls else None,
            limit=_MAX_HEAD,
        )
        try:
            target = parts.path or "/"
            fields = {"Host": parts.netloc, "Connection": "close", "Accept": "*/*", **headers}
            lines = [f"GET {target} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
            await writer.drain()
            return await _read_answer(reader)
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def _tls(self, *, verify: bool) -> ssl.SSLContext:
        if not verify:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        if self._context is None:
            self._context = await asyncio.to_thread(_trusting, self._ca_file)
        return self._context


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    # `ssl.create_default_context` would write session keys to the file that SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    status = _STATUS.match(head)
    if status is None:
        raise Unreachable(Failure.PROTOCOL, "the answer is not HTTP/1.1")
    headers = {}
    for line in head.split(b"\r\n")[1:-2]:
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if status[1] == b"101":
        return Answer(101, headers, b"")
    return Answer(int(status[1]), headers, await _read_body(reader, headers))


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while len(body) < _MAX_BODY:
            size = int((await reader.readline()).partition(b";")[0].strip() or b"0", 16)
            if not size:
                return body
            body += await reader.readexactly(min(size, _MAX_BODY))
            await reader.readline()
        return body
    length = headers.get("content-length", "")
    if length.isdigit():
        return await reader.readexactly(min(int(length), _MAX_BODY))
    return await reader.read(_MAX_BODY)


def _reason_of(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing accepts connections there"
    # Several addresses: asyncio joins the reasons of all of them in one text.
    reason = (error.strerror or str(error) or "failed").lower()
    return "nothing accepts connections there" if "connect call failed" in reason else reason
