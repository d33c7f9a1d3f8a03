"""The floor: what the HTTP stack and the crypto of a refresh cost, with no store and no rules.

A bare ASGI application on uvicorn with the settings that satmint uses, and uvicorn's own protocol.
It reads the Basic header, a JSON body and one token, opens that, seals two, and answers as many
bytes as satmint does. Nothing is checked that a wrong token would not trip over, nothing is kept:
no server on this stack that opens one token and seals two can cost much less, so it is the
yardstick and not a rival.
"""

import asyncio
import json
import socket
from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from typing import Final

import msgspec
import uvicorn
import uvloop
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.types import Receive, Scope, Send

from benchmarks.running import API_TOKEN, ISSUE_PATH, PROJECT, Listening, basic
from satmint.model.entropy import SystemEntropy
from satmint.server import bind

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_JSON: Final = (b"content-type", b"application/json")

# As long as satmint's claims of a subscriber's token are.
_CLAIMS: Final = (
    b'{"iss":"satmint","sub":"5f9e7b1c-3a62-4a0e-9d43-0d2f6c1b7a58",'
    b'"prj":"5f9e7b1c-3a62-4a0e-9d43-0d2f6c1b7a58","sid":"5f9e7b1c-3a62-4a0e-9d43-0d2f6c1b7a58",'
    b'"gen":1234,"jti":"5f9e7b1c3a624a0e9d430d2f6c1b7a58-1234-SAT","iat":1790000000,'
    b'"exp":1790007200,"epo":0,"kind":"subscriber","scope":[]}'
)


class _Refresh(msgspec.Struct):
    refresh_token: str


class _Issue(msgspec.Struct):
    reference: str


class _Pair(msgspec.Struct):
    token: str
    refresh_token: str


class _Tokens(msgspec.Struct):
    subscriber_id: str
    token: str
    refresh_token: str


_encode = msgspec.json.Encoder().encode
_read_refresh = msgspec.json.Decoder(_Refresh).decode
_read_issue = msgspec.json.Decoder(_Issue).decode


class _Sealing:
    """One token type: its key, its header, and a stock of IVs."""

    def __init__(self, typ: str) -> None:
        # The salt in satmint's `kid` has 22 characters and the master key's id 12.
        header = {"alg": "dir", "enc": "A256GCM", "typ": typ, "kid": f"{'0' * 12}.{'s' * 22}"}
        text = b2a_base64(json.dumps(header, separators=(",", ":")).encode(), newline=False)
        self._header = text.translate(_TO_URL).rstrip(b"=")
        self._key = AESGCM(AESGCM.generate_key(256))
        self._entropy = SystemEntropy()
        self._ivs: list[bytes] = []

    def seal(self, plaintext: bytes) -> str:
        if not self._ivs:
            block = self._entropy.take(12 * 256)
            self._ivs = [block[at : at + 12] for at in range(0, len(block), 12)]
        iv = self._ivs.pop()
        sealed = self._key.encrypt(iv, plaintext, self._header)
        text = b"%b..%b.%b.%b" % (
            self._header,
            b2a_base64(iv, newline=False),
            b2a_base64(sealed[:-16], newline=False).rstrip(b"="),
            b2a_base64(sealed[-16:], newline=False)[:22],
        )
        return text.translate(_TO_URL).decode()

    def open(self, token: str) -> bytes:
        header, _, iv, ciphertext, tag = token.encode().translate(_TO_STANDARD).split(b".")
        if header != self._header:  # its letters are the same in both alphabets
            raise ValueError("another key's token")
        padded = ciphertext + b"=" * (-len(ciphertext) & 3)
        sealed = a2b_base64(padded) + a2b_base64(tag + b"==")
        return self._key.decrypt(a2b_base64(iv), sealed, self._header)


class Floor:
    """The ASGI application."""

    def __init__(self) -> None:
        authorization = basic(PROJECT, API_TOKEN).encode()
        self._callers = {sha256(authorization).digest(): PROJECT}
        self._sat = _Sealing("SAT")
        self._refresh = _Sealing("Refresh")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        status, answer = 401, b""
        if sha256(headers[b"authorization"]).digest() in self._callers:
            message = await receive()
            body = message["body"]
            while message["more_body"]:
                message = await receive()
                body += message["body"]
            if scope["path"] == ISSUE_PATH:
                _read_issue(body)
                token, refresh_token = self._sat.seal(_CLAIMS), self._refresh.seal(_CLAIMS)
                status, answer = 200, _encode(_Tokens(PROJECT, token, refresh_token))
            else:
                claims = self._refresh.open(_read_refresh(body).refresh_token)
                status = 201
                answer = _encode(_Pair(self._sat.seal(claims), self._refresh.seal(claims)))
        length = (b"content-length", b"%d" % len(answer))
        await send({"type": "http.response.start", "status": status, "headers": [_JSON, length]})
        await send({"type": "http.response.body", "body": answer})


class _Server(uvicorn.Server):
    """Says on standard output where it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or []:
            host, port = bound.getsockname()
            listening = Listening("listening", f"http://{host}:{port}")
            print(msgspec.json.encode(listening).decode(), flush=True)


def main() -> None:
    """Serve until told to stop."""
    config = uvicorn.Config(
        Floor(),
        http="httptools",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Server(config).serve([bind("127.0.0.1", 0)]))


if __name__ == "__main__":
    main()
