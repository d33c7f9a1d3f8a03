"""Bodies and headers, at the ASGI application of a whole server."""

import json
import shutil
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, Self
from urllib.parse import quote

from satmint.http.examples import request_example
from satmint.http.operations import Authentication, Operation
from satmint.http.resources import OPERATIONS
from tests.fuzz.mutations import (
    ODD_BYTES,
    ODD_TEXTS,
    as_json,
    spoil,
    spoil_members,
)
from tests.fuzz.targets import ACCEPTED, Found, Target
from tests.http.answer_contract import SENTENCES
from tests.kit.clock import NOW
from tests.kit.devices import TOKEN
from tests.kit.service import a_service
from tests.vectors.proof_signers import ec_signer

Headers = list[tuple[bytes, bytes]]

STATUSES: Final = frozenset({200, 201, 204, 401, 403, 404, 405, 413, 422, 429})
HASHING: Final = frozenset({"create-subscriber", "update-subscriber", "create-subscriber-token"})
"""Operations that hash a password: by design, each takes tens of milliseconds."""
REVOCATION_EVENTS: Final = frozenset(
    {"revoke-project-sessions", "delete-address", "delete-subscriber"}
)
"""Operations after which there would be nothing left to try."""
JSON_API: Final = [
    found
    for found in OPERATIONS
    if found.media_type == "application/json"
    and found.documented
    and found.id not in REVOCATION_EVENTS
]
BODIES: Final = [found for found in JSON_API if found.body_schema is not None]
QUICK: Final = [found for found in BODIES if found.id != "create-subscriber"]
"""That one hashes a password even where none is given."""
TOKEN_MEMBERS: Final = frozenset({"refresh_token", "dpop_token", "token"})
ODD_LENGTHS: Final = (
    *(b"", b"-1", b"+2", b"2,2", b"9" * 30, b"65537", b"0x2", b"\xb2", b"2 ", b"\xd9\xa2", b"0"),
)
HEADERS: Final = (
    *(b"authorization", b"authorization", b"authorization", b"dpop", b"content-length", b"origin"),
    *(b"x-request-id", b"user-agent", b"host", b"content-type", b"accept", b"cookie"),
    *(b"access-control-request-method", b"x-forwarded-for", b"transfer-encoding", b"expect"),
)


@dataclass(frozen=True, slots=True)
class Answered:
    """What the application said."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def refusal(self) -> str:
        """Status and codes, as a cause to be counted."""
        if self.status == 422:
            codes = sorted({fault["code"] for fault in json.loads(self.body)["errors"]})
            return f"422 {' '.join(codes[:1])}{' and others' if len(codes) > 1 else ''}"
        cause = self.headers.get(b"x-satmint-cause", b"").decode()
        return f"{self.status} {cause}".strip()


class _Application(Target):
    """A server in this process, its database in memory's own file system where there is one."""

    async def __aenter__(self) -> Self:
        stack = AsyncExitStack()
        await self._prepare(stack)
        self._stack = stack
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()

    async def _prepare(self, stack: AsyncExitStack) -> None:
        self._server = server = await stack.enter_async_context(
            a_service(
                self._folder,
                failures_per_minute=10**9,
                embeds_per_minute=10**9,
                max_token_seconds=10**6,
            )
        )
        signer = ec_signer("a browser")
        pair = await server.sign_in("seed@example.com")
        bound = await server.sign_in(
            "browser@example.com", scope="sat:refresh", fingerprint=signer.jkt
        )
        _, c2c = await server.c2c_token()
        credentials = f"{server.tenant.id}:{server.tenant.api_token}".encode()
        self._basic: bytes = b"Basic " + b64encode(credentials)
        self._bearer: bytes = b"Bearer " + pair["token"].encode()
        self._bound: bytes = b"Bearer " + bound["token"].encode()
        self._given = (self._basic, self._bearer, self._bound)
        self._tokens = {
            "refresh_token": pair["refresh_token"],
            "token": pair["token"],
            "dpop_token": signer.http_proof(TOKEN, jti="seed"),
            "c2c": c2c,
        }
        self._ids = [str(server.tenant.addresses[0].id), pair["subscriber_id"]]

    def _authorization(self, operation: Operation) -> bytes:
        if operation.authentication.requires_proof:
            return self._bound
        return (
            self._bearer
            if operation.authentication is Authentication.SUBSCRIBER_TOKEN
            else self._basic
        )

    def _path(self, dice: Random, operation: Operation) -> str:
        """Its path, with an id of something that is there, at times."""
        parts = [
            dice.choice([*self._ids, *self._ids, dice.choice(ODD_TEXTS)]) if "{" in part else part
            for part in operation.path.split("/")
        ]
        return "/".join(part.replace("/", "") for part in parts)

    async def _ask(
        self, operation: Operation, path: str, headers: Headers, body: bytes, query: bytes = b""
    ) -> Answered:
        """The answer, which is of the contract."""
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": operation.method,
            "scheme": "http",
            "path": path,
            "raw_path": quote(path, errors="replace").encode(),
            "query_string": query,
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 40_000),
            "server": ("mint.test", 80),
        }
        await self._server.app(scope, receive, send)  # type: ignore[arg-type]
        if [message["type"] for message in sent] != ["http.response.start", "http.response.body"]:
            raise Found(f"{operation.id}: no whole answer")
        found = Answered(sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"])
        _of_the_contract(operation, found)
        return found


def _of_the_contract(operation: Operation, found: Answered) -> None:
    if found.status not in STATUSES:
        raise Found(f"{operation.id}: {found.status} {found.body!r}")
    if not found.headers.get(b"x-request-id"):
        raise Found(f"{operation.id}: an answer without an id")
    if found.status in (422, 429):
        good = set(json.loads(found.body)) == {"errors"}
    elif found.status >= 400:
        good = json.loads(found.body) == {"error": SENTENCES[found.status]}
    else:
        good = True
    if not good:
        raise Found(f"{operation.id}: {found.status} {found.body!r}")


class Bodies(_Application):
    """Whatever a body says, its answer is of the contract; a spoiled token gets nothing."""

    name = "bodies"

    async def attempt(self, dice: Random) -> str:
        """See `Target.attempt`."""
        operation = dice.choice(BODIES if dice.random() < 0.02 else QUICK)
        assert operation.body_schema is not None
        members = self._members(operation)
        fields = sorted(operation.body_schema.fields)
        if dice.random() < 0.4:
            # Everything that it may have, for the checks behind the first ones.
            members |= {name: _usual(name) for name in dice.sample(fields, len(fields) // 2)}
        if operation.id in HASHING:
            members.pop("password", None)
        match dice.randrange(8):
            case 0:
                data = json.dumps(members).encode()
            case 1 | 2:
                data = spoil(dice, json.dumps(members).encode(), [b'{"expire_at":1}', b"{}"])
            case 3:
                data = as_json(dice, {name: _usual(name) for name in fields} | {"": None})
            case _:
                data = as_json(dice, spoil_members(dice, members, fields))
        if operation.id in HASHING:
            data = data.replace(b'"password"', b'"passw0rd"')
        headers = [
            (b"authorization", self._authorization(operation)),
            (b"content-length", b"%d" % len(data)),
        ]
        answered = await self._ask(operation, self._path(dice, operation), headers, data)
        if answered.status >= 400:
            return answered.refusal
        self._check_accepted(operation, data)
        return ACCEPTED

    def _members(self, operation: Operation) -> dict[str, Any]:
        """A body as it should be."""
        assert operation.body_schema is not None
        members = request_example(operation.body_schema.name, operation.body_schema.schema())
        for name in members:
            if name in TOKEN_MEMBERS:
                members[name] = self._tokens[name]
        if operation.path.endswith("/embeds/tokens"):
            members["token"] = self._tokens["c2c"]
        for name in ("address_id", "allowed_addresses"):
            if name in members:
                members[name] = self._ids[0] if name == "address_id" else self._ids[:1]
        return members

    def _check_accepted(self, operation: Operation, data: bytes) -> None:
        """It was JSON without ambiguities, of members that are known, with tokens that are good.

        No body at all is an empty object.
        """
        assert operation.body_schema is not None
        try:
            said = json.loads(data or b"{}", object_pairs_hook=_once, parse_constant=_never)
        except ValueError as error:
            raise Found(f"{operation.id}: accepted {data!r}") from error
        if not isinstance(said, dict) or not said.keys() <= operation.body_schema.fields.keys():
            raise Found(f"{operation.id}: accepted {data!r}")
        if operation.id in ("introspect-token", "revoke-token"):
            return  # which answer that a token is none of theirs
        shown = [said[name] for name in TOKEN_MEMBERS & said.keys()]
        if any(token not in self._tokens.values() for token in shown):
            raise Found(f"{operation.id}: accepted a token that nobody made: {data!r}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a member twice")
    return dict(pairs)


def _never(constant: str) -> float:
    raise ValueError(constant)


def _usual(name: str) -> Any:  # noqa: ANN401 - any JSON
    return {
        "expire_at": NOW + 600,
        "expires_at": NOW + 600,
        "expire_in": 600,
        "email": "alice@example.com",
        "scope": "sat:refresh",
        "permissions": ["calling"],
        "locked": False,
        "type": "room",
        "channels": ["audio"],
        "origins": ["https://shop.example.com"],
    }.get(name, "support")


class HeaderLines(_Application):
    """Whatever headers say, nobody is let in by a credential that nobody was given."""

    name = "headers"

    async def attempt(self, dice: Random) -> str:
        """See `Target.attempt`."""
        operation = dice.choice(JSON_API)
        good = self._authorization(operation)
        headers: Headers = [(b"authorization", good), (b"content-length", b"2")]
        for _ in range(dice.choice((1, 1, 2))):
            name = dice.choice(HEADERS)
            value = self._value(dice, name, good)
            if dice.random() < 0.9:
                headers = [header for header in headers if header[0] != name]
            headers.append((name, value.translate(None, b"\x00\r\n")))
        path, query = self._path(dice, operation), self._query(dice, operation)
        answered = await self._ask(operation, path, headers, b"{}", query)
        if answered.status >= 400:
            return answered.refusal
        shown = dict(headers).get(b"authorization", b"")
        if operation.authentication is not Authentication.PUBLIC and not self._is_good(shown):
            raise Found(f"{operation.id}: let in by {shown!r}")
        return ACCEPTED

    def _value(self, dice: Random, name: bytes, good: bytes) -> bytes:
        if name == b"authorization":
            scheme, _, secret = good.partition(b" ")
            match dice.randrange(6):
                case 0:
                    scheme = dice.choice((b"bearer", b"BASIC", b"DPoP", b"", b"Bearer\t", b"X"))
                    return scheme + b" " + secret
                case 1 if scheme == b"Basic":
                    inside = spoil(dice, b64decode(secret), [b"a:b"])
                    return b"Basic " + b64encode(inside)
                case 2:
                    return dice.choice(self._given)
                case _:
                    return spoil(dice, good, self._given)
        if name == b"dpop":
            proof = str(self._tokens["dpop_token"]).encode()
            return proof if dice.random() < 0.2 else spoil(dice, proof, [good])
        if name == b"content-length":
            return dice.choice(ODD_LENGTHS)
        seed = dice.choice((b"https://x.test", b"keep-alive", b"gzip, chunked", b"a=b", ODD_BYTES))
        return spoil(dice, seed, [good])

    def _query(self, dice: Random, operation: Operation) -> bytes:
        if not operation.query or dice.random() < 0.5:
            return b""
        name = dice.choice(sorted(operation.query)).encode()
        return spoil(dice, name + b"=1&page_size=2", [b"page_token=AAAA", b"%ff=%00"])

    def _is_good(self, shown: bytes) -> bool:
        """Whether it is a credential that was given out, in another spelling at most."""
        scheme, _, secret = shown.partition(b" ")
        for good in self._given:
            known, _, expected = good.partition(b" ")
            if known == b"Basic" and scheme.lower() == b"basic":
                try:
                    user, _, password = b64decode(secret.strip()).partition(b":")
                except (Base64Error, ValueError):
                    continue
                # A UUID may be in capitals (RFC 9562, section 4).
                if user.lower() + b":" + password == b64decode(expected):
                    return True
            elif scheme.lower() in (b"bearer", b"dpop") and secret.strip() == expected:
                return True
        return False


def room(fallback: Path) -> Path:
    """Where databases cost no disk, if there is such a place."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 2**28 else fallback
