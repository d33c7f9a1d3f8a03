"""What the fake service decides: rotation, replay and reuse, and the checks of a proof.

They are those of satmint, written again in short: rotation by generation, replay of the last pair
until its successor was used, the end of the session on reuse; an idempotency key makes one session.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from satmint_sdk._ambient import Clock
from satmint_sdk.testing._proofs import open_proof
from satmint_sdk.testing._tokens import b64, make_token

PROJECT: Final = "11111111-2222-3333-4444-555555555555"
API_TOKEN: Final = "PT" + "ab" * 24
C2C_TOKEN: Final = "c2c_" + "5" * 32

_GRACE: Final = 10.0
"""Seconds after a rotation during which the old refresh token is replayed in any case."""
_REFRESH_MARGIN: Final = 300.0
"""Seconds that a refresh token, and a bound one at its endpoint, outlives the access token."""


class Refused(Exception):
    """The service answers with an error."""

    def __init__(self, status: int, code: str | None = None, message: str = "refused") -> None:
        super().__init__(status, code)
        self.status, self.code, self.message = status, code, message


@dataclass(slots=True, eq=False)
class FakeSession:
    """One session of a subscriber: a line of generations.

    Attributes:
        subscriber: The subscriber's reference.
        generation: How often it was refreshed.
        since: When it was refreshed last, in seconds since the epoch.
        seen: Whether a token of the current generation was used.
        revoked: Whether it has ended.
        ends: When its access token expires, in seconds since the epoch.
    """

    subscriber: str
    generation: int = 0
    since: float = 0.0
    seen: bool = False
    revoked: bool = False
    ends: float = 0.0


@dataclass(slots=True)
class Claims:
    """What a token says. `exp` is in seconds since the epoch, `jkt` the key it is bound to."""

    kind: str
    session: FakeSession
    generation: int
    exp: float
    scope: list[str] = field(default_factory=list)
    jkt: str | None = None


class TokenRules:
    """Answers requests from what was issued before. The attributes are those of the service."""

    def __init__(self, clock: Clock, cluster: str | None) -> None:
        self.clock = clock
        self.cluster = cluster
        self.clock_offset = 0.0
        self.lifetime = 7200.0
        self.bound_lifetime = 900.0
        self.dpop_nonce: str | None = None
        self.fixed_pair: dict[str, Any] | None = None
        self.tokens: dict[str, Claims] = {}
        self.sessions: list[FakeSession] = []
        self.history: list[tuple[str, int]] = []
        self.spent_proofs: set[str] = set()
        self.keyed: dict[str, tuple[dict[str, Any], FakeSession]] = {}

    def now(self) -> float:
        """The service's time in seconds since the epoch."""
        return self.clock.now().wall + self.clock_offset

    def accepts(self, token: str) -> bool:
        """Use an access token; whether it is valid."""
        claims = self.tokens.get(token)
        if claims is None or claims.session.revoked or self.now() >= claims.exp:
            return False
        self._mark_seen(claims)
        return True

    def answer(self, request: httpx.Request, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Decide a request: status and body.

        Raises:
            Refused: The answer is an error.
        """
        path = request.url.path.removeprefix("/api/fabric")
        match request.method, path:
            case "POST", "/subscribers/tokens":
                self._check_basic(request)
                return self._create(body, request.headers.get("idempotency-key"))
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
                claims = self._check_bearer(request, slack=_REFRESH_MARGIN)
                return self._bind(request, body, claims, first=False)
        raise Refused(404)

    def issue(
        self, kind: str, session: FakeSession, exp: float, scope: list[str], jkt: str | None
    ) -> str:
        """Issue a token of a session."""
        text = make_token(kind, self.cluster)
        self.tokens[text] = Claims(kind, session, session.generation, exp, scope, jkt)
        return text

    # The project's backend.

    def _check_basic(self, request: httpx.Request) -> None:
        expected = f"Basic {_base64(f'{PROJECT}:{API_TOKEN}')}"
        if request.headers.get("authorization") != expected:
            raise Refused(401)

    def _create(self, body: dict[str, Any], key: str | None) -> tuple[int, dict[str, Any]]:
        scope = [body["scope"]] if "scope" in body else []
        if key is not None and key in self.keyed:
            session = self._session_of_key(key, body)
            pair = self._pair(session, session.ends, scope, body.get("fingerprint"))
            return 200, {"subscriber_id": "sub-1", **pair}
        expire_at = body.get("expire_at")
        if expire_at is not None and expire_at <= self.now():
            raise Refused(422, "invalid_parameter", "Expire At must be greater than now")
        session = FakeSession(body["reference"], since=self.now())
        self.sessions.append(session)
        self.history.append(("created", 0))
        if key is not None:
            self.keyed[key] = (body, session)
        ends = expire_at if expire_at is not None else self.now() + self.lifetime
        pair = self._pair(session, ends, scope, body.get("fingerprint"))
        return 200, {"subscriber_id": "sub-1", **pair}

    def _session_of_key(self, key: str, body: dict[str, Any]) -> FakeSession:
        """The session that the first request with this key made."""
        first, session = self.keyed[key]
        if first != body:
            raise Refused(422, "idempotency_key_reused")
        used = session.seen and self.now() - session.since > _GRACE
        if session.revoked or session.generation > 0 or used:
            raise Refused(422, "idempotency_result_unavailable")
        self.history.append(("replayed", 0))
        return session

    def _pair(
        self, session: FakeSession, ends: float, scope: list[str], jkt: str | None
    ) -> dict[str, Any]:
        session.ends = ends
        return {
            "token": self.issue("SAT", session, ends, scope, jkt),
            "refresh_token": self.issue("Refresh", session, ends + _REFRESH_MARGIN, scope, jkt),
        }

    def _refresh(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        claims = self.tokens.get(body["refresh_token"])
        if claims is None or claims.kind != "Refresh":
            raise Refused(422, "token_invalid")
        if self.now() >= claims.exp:
            raise Refused(422, "token_expired", "Token has expired.")
        if self.fixed_pair is not None:
            return 201, self.fixed_pair
        session = claims.session
        if session.revoked:
            raise Refused(422, "token_invalid")
        behind = session.generation - claims.generation
        if behind == 0:
            self._mark_seen(claims)
            session.generation += 1
            session.since, session.seen = self.now(), False
            self.history.append(("rotated", session.generation))
            ends = self.now() + self.lifetime
        elif behind == 1 and (not session.seen or self.now() - session.since <= _GRACE):
            self.history.append(("replayed", session.generation))
            ends = session.ends
        else:
            session.revoked = True
            self.history.append(("reuse", claims.generation))
            raise Refused(422, "token_invalid")
        return 201, self._pair(session, ends, claims.scope, claims.jkt)

    def _mark_seen(self, claims: Claims) -> None:
        if claims.generation == claims.session.generation:
            claims.session.seen = True

    def _embed(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if body["token"] != C2C_TOKEN:
            raise Refused(404)
        session = FakeSession("visitor")
        self.sessions.append(session)
        self.history.append(("embedded", 0))
        return 201, {"token": self.issue("SAT", session, self.now() + 7200, [], None)}

    # The subscriber.

    def _check_bearer(self, request: httpx.Request, slack: float = 0.0) -> Claims:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self.tokens.get(token)
        if scheme != "Bearer" or claims is None or claims.kind == "Refresh":
            raise Refused(401)
        late = slack if claims.jkt is not None else 0.0
        if claims.session.revoked or self.now() >= claims.exp + late:
            raise Refused(401)
        return claims

    def _info(self, claims: Claims) -> tuple[int, dict[str, Any]]:
        said: dict[str, Any] = {"scope": claims.scope, "expires_at": int(claims.exp)}
        if claims.jkt is not None:
            said["cnf"] = {"jkt": claims.jkt}
        return 200, {"id": "sub-1", "fabric_addresses": [], "sat_claims": said}

    def _bind(
        self, request: httpx.Request, body: dict[str, Any], claims: Claims, *, first: bool
    ) -> tuple[int, dict[str, Any]]:
        if "sat:refresh" not in claims.scope:
            raise Refused(403)
        proof = open_proof(body["dpop_token"])
        bearer = request.headers["authorization"].removeprefix("Bearer ")
        said = proof.claims
        if (said["htm"], said["htu"]) != ("POST", str(request.url)):
            raise Refused(401, None, "htu")
        if self.dpop_nonce is not None and said.get("nonce") != self.dpop_nonce:
            raise Refused(401, None, "nonce")
        if not -300 <= said["iat"] - self.now() <= 60:
            raise Refused(401, None, "iat")
        if said.get("ath", "" if first else None) not in ("", _digest(bearer)):
            raise Refused(401, None, "ath")
        if claims.jkt not in (None, proof.thumbprint):
            raise Refused(401, None, "jkt")
        if said["jti"] in self.spent_proofs:
            raise Refused(401, None, "jti")
        self.spent_proofs.add(said["jti"])
        self.history.append(("bound" if first else "renewed", 0))
        if self.fixed_pair is not None:
            return 201, self.fixed_pair
        life = min(self.bound_lifetime, body["expire_in"])
        exp = self.now() + life
        token = self.issue("SAT", claims.session, exp, claims.scope, proof.thumbprint)
        return 201, {"token": token, "expires_in": life}


def _digest(token: str) -> str:
    return b64(hashlib.sha256(token.encode()).digest())


def _base64(text: str) -> str:
    from base64 import b64encode

    return b64encode(text.encode()).decode()
