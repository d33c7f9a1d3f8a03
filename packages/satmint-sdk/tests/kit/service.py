"""The whole other side: a token service in memory, seen through the SDK's transport.

It follows the rotation rules and the checks of a proof as the real one does. Its knobs are named
for events in the world.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import httpx

from kit.clock import FakeClock
from kit.proofs import open_proof
from kit.tokens import b64, make_token
from satmint_sdk.credentials import Clock

Answer = tuple[int, dict[str, Any]]

PROJECT, API_TOKEN = "11111111-2222-3333-4444-555555555555", "PT" + "ab" * 24
C2C_TOKEN = "c2c_" + "5" * 32


@dataclass
class Family:
    """One session: a line of generations."""

    subscriber: str
    generation: int = 0
    since: float = 0.0
    seen: bool = False
    revoked: bool = False
    ends: float = 0.0


@dataclass
class Claims:
    kind: str
    family: Family
    generation: int
    exp: float
    scope: list[str] = field(default_factory=list)
    jkt: str | None = None


class Refused(Exception):
    def __init__(self, status: int, code: str | None = None, message: str = "refused") -> None:
        super().__init__(status, code)
        self.status, self.code, self.message = status, code, message


class FakeTokenService(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers as a server with one project, one API token and one Click-to-Call token."""

    def __init__(self, clock: Clock | None = None, *, cluster: str | None = None) -> None:
        self.clock: Clock = FakeClock() if clock is None else clock
        self.cluster = cluster
        self.skew = 0.0
        self.access_life = 7200.0
        self.bound_life = 900.0
        self.tokens: dict[str, Claims] = {}
        self.families: list[Family] = []
        self.spent_proofs: set[str] = set()
        self.nonce: str | None = None
        """What a proof must carry; told in every refusal for want of it, and in every answer."""
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.happened: list[tuple[str, int]] = []
        self.frozen: dict[str, Any] | None = None
        self._script: deque[Callable[[], httpx.Response | None]] = deque()
        self._losses = 0
        self._lock = threading.Lock()

    # Events in the world.

    def lose_next_reply(self, times: int = 1) -> None:
        """The server does what it is asked, and the client never learns."""
        self._losses += times

    def storm(self, status: int, times: int, headers: dict[str, str] | None = None) -> None:
        """The next requests are answered with an error, and nothing is done."""
        for _ in range(times):
            self._script.append(lambda: self._plain(status, {"error": "storm"}, headers))

    def go_down(self, times: int) -> None:
        """The next requests do not even arrive."""

        def unreachable() -> httpx.Response:
            raise httpx.ConnectError("nobody there")

        self._script.extend([unreachable] * times)

    def garble_next_reply(self) -> None:
        """The server does what it is asked, and half of the answer arrives."""
        self._script.append(lambda: None)
        self._garble = True

    _garble = False

    def revoke_everything(self) -> None:
        for family in self.families:
            family.revoked = True

    def use(self, token: str) -> bool:
        """Present an access token to some resource of the server."""
        claims = self.tokens.get(token)
        if claims is None or claims.family.revoked or self.now() >= claims.exp:
            return False
        self._see(claims)
        return True

    def now(self) -> float:
        return self.clock.now().wall + self.skew

    def count(self, event: str) -> int:
        return sum(1 for name, _ in self.happened if name == event)

    # The transport.

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self.answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append((request.method, request.url.path))
            self.bodies.append(json.loads(request.content) if request.content else {})
            if self._script:
                scripted = self._script.popleft()()
                if scripted is not None:
                    return scripted
            try:
                status, body = self._route(request)
            except Refused as refused:
                status, body = refused.status, _error(refused)
                if refused.message == "nonce":
                    asked = {"www-authenticate": 'DPoP error="use_dpop_nonce"'}
                    return self._plain(status, body, asked)
            if self._losses:
                self._losses -= 1
                raise httpx.ReadError("the connection was lost")
            answer = self._plain(status, body)
            if self._garble:
                self._garble = False
                return httpx.Response(status, headers=answer.headers, content=answer.content[:40])
            return answer

    def _plain(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        named = {"date": formatdate(self.now(), usegmt=True), "x-request-id": "req-1"}
        if self.nonce is not None:
            named["dpop-nonce"] = self.nonce
        return httpx.Response(status, headers=named | (headers or {}), json=body)

    def _route(self, request: httpx.Request) -> Answer:
        body = self.bodies[-1]
        path = request.url.path.removeprefix("/api/fabric")
        match request.method, path:
            case "POST", "/subscribers/tokens":
                self._check_basic(request)
                return self._create(body)
            case "POST", "/subscribers/tokens/refresh":
                self._check_basic(request)
                return self._refresh(body)
            case "POST", "/embeds/tokens":
                return self._embed(body)
            case "GET", "/subscriber/info":
                return self._info(self._check_bearer(request))
            case "POST", "/subscriber/devices/token":
                return self._bind(request, body, self._check_bearer(request), first=True)
            case "POST", "/subscriber/devices/refresh":
                claims = self._check_bearer(request, slack=300.0)
                return self._bind(request, body, claims, first=False)
        raise Refused(404)

    # The project's backend.

    def _check_basic(self, request: httpx.Request) -> None:
        expected = httpx.BasicAuth(PROJECT, API_TOKEN)._auth_header
        if request.headers.get("authorization") != expected:
            raise Refused(401)

    def _create(self, body: dict[str, Any]) -> Answer:
        expire_at = body.get("expire_at")
        if expire_at is not None and expire_at <= self.now():
            raise Refused(422, "invalid_parameter", "Expire At must be greater than now")
        family = Family(body["reference"], since=self.now())
        self.families.append(family)
        self.happened.append(("created", 0))
        scope = [body["scope"]] if "scope" in body else []
        ends = expire_at if expire_at is not None else self.now() + self.access_life
        pair = self._pair(family, ends, scope, body.get("fingerprint"))
        return 200, {"subscriber_id": "sub-1", **pair}

    def _pair(
        self, family: Family, ends: float, scope: list[str], jkt: str | None
    ) -> dict[str, Any]:
        family.ends = ends
        return {
            "token": self._issue("SAT", family, ends, scope, jkt),
            "refresh_token": self._issue("Refresh", family, ends + 300, scope, jkt),
        }

    def _issue(
        self, kind: str, family: Family, exp: float, scope: list[str], jkt: str | None
    ) -> str:
        text = make_token(kind, self.cluster)
        self.tokens[text] = Claims(kind, family, family.generation, exp, scope, jkt)
        return text

    def _refresh(self, body: dict[str, Any]) -> Answer:
        claims = self.tokens.get(body["refresh_token"])
        if claims is None or claims.kind != "Refresh":
            raise Refused(422, "token_invalid")
        if self.now() >= claims.exp:
            raise Refused(422, "token_expired", "Token has expired.")
        if self.frozen is not None:
            return 201, self.frozen
        family = claims.family
        if family.revoked:
            raise Refused(422, "token_invalid")
        behind = family.generation - claims.generation
        if behind == 0:
            self._see(claims)
            family.generation += 1
            family.since, family.seen = self.now(), False
            self.happened.append(("rotated", family.generation))
            ends = self.now() + self.access_life
        elif behind == 1 and (not family.seen or self.now() - family.since <= 10):
            self.happened.append(("replayed", family.generation))
            ends = family.ends
        else:
            family.revoked = True
            self.happened.append(("reuse", claims.generation))
            raise Refused(422, "token_invalid")
        return 201, self._pair(family, ends, claims.scope, claims.jkt)

    def _see(self, claims: Claims) -> None:
        if claims.generation == claims.family.generation:
            claims.family.seen = True

    def _embed(self, body: dict[str, Any]) -> Answer:
        if body["token"] != C2C_TOKEN:
            raise Refused(404)
        family = Family("visitor")
        self.families.append(family)
        self.happened.append(("embedded", 0))
        return 201, {"token": self._issue("SAT", family, self.now() + 7200, [], None)}

    # The holder of a token.

    def _check_bearer(self, request: httpx.Request, slack: float = 0.0) -> Claims:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self.tokens.get(token)
        if scheme != "Bearer" or claims is None or claims.kind == "Refresh":
            raise Refused(401)
        late = slack if claims.jkt is not None else 0.0
        if claims.family.revoked or self.now() >= claims.exp + late:
            raise Refused(401)
        return claims

    def _info(self, claims: Claims) -> Answer:
        said: dict[str, Any] = {"scope": claims.scope, "expires_at": int(claims.exp)}
        if claims.jkt is not None:
            said["cnf"] = {"jkt": claims.jkt}
        return 200, {"id": "sub-1", "fabric_addresses": [], "sat_claims": said}

    def _bind(
        self, request: httpx.Request, body: dict[str, Any], claims: Claims, *, first: bool
    ) -> Answer:
        if "sat:refresh" not in claims.scope:
            raise Refused(403)
        proof = open_proof(body["dpop_token"])
        bearer = request.headers["authorization"].removeprefix("Bearer ")
        said = proof.claims
        if (said["htm"], said["htu"]) != ("POST", str(request.url)):
            raise Refused(401, None, "htu")
        if self.nonce is not None and said.get("nonce") != self.nonce:
            raise Refused(401, None, "nonce")
        if not -300 <= said["iat"] - self.now() <= 60:
            raise Refused(401, None, "iat")
        if said.get("ath", "" if first else None) not in ("", _hash(bearer)):
            raise Refused(401, None, "ath")
        if claims.jkt not in (None, proof.thumbprint):
            raise Refused(401, None, "jkt")
        if said["jti"] in self.spent_proofs:
            raise Refused(401, None, "jti")
        self.spent_proofs.add(said["jti"])
        self.happened.append(("bound" if first else "renewed", 0))
        if self.frozen is not None:
            return 201, self.frozen
        life = min(self.bound_life, body["expire_in"])
        exp = self.now() + life
        token = self._issue("SAT", claims.family, exp, claims.scope, proof.thumbprint)
        return 201, {"token": token, "expires_in": life}


def _hash(token: str) -> str:
    return b64(hashlib.sha256(token.encode()).digest())


def _error(refused: Refused) -> dict[str, Any]:
    if refused.status != 422:
        return {"error": {401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}[refused.status]}
    entry = {
        "type": "validation_error",
        "code": refused.code,
        "message": refused.message,
        "attribute": "refresh_token",
        "url": "https://example.test/errors",
    }
    return {"errors": [entry]}
