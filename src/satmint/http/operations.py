"""One value for each operation of the API: how it is reached, guarded, read, done and described.

Routing, authentication, parsing, OpenAPI and the house tests all read the same table.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from satmint.flows.callers import Callers
from satmint.flows.mint import Mint
from satmint.flows.proving import PROOF_ALGORITHMS
from satmint.http.messages import Call, Response
from satmint.http.metrics import Metrics
from satmint.http.shapes import Shape
from satmint.http.siblings import Siblings
from satmint.http.upgrades import Gateway
from satmint.model.demo import Demo
from satmint.model.permissions import FABRIC, MANAGEMENT, Permission
from satmint.model.refusals import Code, Fault


class Admits(Enum):
    """Whom an operation lets in."""

    ANYONE = "anyone"
    BACKEND = "backend"
    """Basic, with a permission for the fabric endpoints."""
    MANAGER = "manager"
    """Basic, with the permission `management`."""
    HOLDER = "holder"
    """Bearer, with a SAT."""
    HOLDER_OR_BACKEND = "holder_or_backend"
    KEY_HOLDER = "key_holder"
    """Bearer or DPoP, with a SAT and a proof of possession. The proof is for the flow to judge."""
    LATE_KEY_HOLDER = "late_key_holder"
    """The same, where a SAT that names a key may have ended a moment ago."""

    @property
    def permissions(self) -> frozenset[Permission]:
        """Any one of these is what a backend needs; none of them admits no backend."""
        return _PERMISSIONS[self]

    @property
    def proves(self) -> bool:
        """Whether a proof of possession is needed."""
        return self in (Admits.KEY_HOLDER, Admits.LATE_KEY_HOLDER)

    @property
    def challenge(self) -> bytes:
        """What `WWW-Authenticate` says on a 401 (RFC 9110, section 11.6.1)."""
        return {
            Admits.HOLDER: b'Bearer realm="satmint"',
            Admits.HOLDER_OR_BACKEND: b'Bearer realm="satmint", Basic realm="satmint"',
            Admits.KEY_HOLDER: _WITH_PROOF,
            Admits.LATE_KEY_HOLDER: _WITH_PROOF,
        }.get(self, b'Basic realm="satmint"')


_PERMISSIONS: Final[dict[Admits, frozenset[Permission]]] = {
    Admits.ANYONE: frozenset(),
    Admits.BACKEND: FABRIC,
    Admits.MANAGER: MANAGEMENT,
    Admits.HOLDER: frozenset(),
    Admits.HOLDER_OR_BACKEND: FABRIC,
    Admits.KEY_HOLDER: frozenset(),
    Admits.LATE_KEY_HOLDER: frozenset(),
}
_WITH_PROOF: Final = b'Bearer realm="satmint", DPoP algs="%b"' % " ".join(PROOF_ALGORITHMS).encode()


@dataclass(frozen=True, slots=True)
class Desk:
    """What every handler has at hand."""

    mint: Mint
    callers: Callers
    metrics: Metrics
    public_url: str
    """Where this server is reached from outside; no slash at the end."""
    external_urls: frozenset[str] = frozenset()
    """Every such URL, which is what proofs of possession may name. From configuration alone: a
    `Host` header is the caller's, and a proof made for another server must not do for this one."""
    openapi: bytes = b""
    """The description of the API, OpenAPI 3.1."""
    siblings: Siblings | None = None
    """The other workers, where there are several."""
    gateway: Gateway | None = None
    """What takes WebSockets over; None: there is none to be had."""
    demo: Demo | None = field(default=None, repr=False)
    """What the start page gives away; None: nothing, as in production."""


Handler = Callable[[Desk, Call], Awaitable[object]]
MoreFaults = Callable[[Desk, Call], Awaitable[list[Fault]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path."""

    id: str
    """OpenAPI `operationId`, and the name of the route in metrics."""
    method: str
    path: str
    """With placeholders in braces."""
    tag: str
    summary: str
    description: str = ""
    admits: Admits
    handler: Handler
    status: int = 200
    answer: Any = None
    """The msgspec type of the answer; None: no content, or a `Response` made by the handler."""
    media_type: str = "application/json"
    shape: Shape | None = None
    """What the body must be; None: a body is ignored."""
    query: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Query parameters and their JSON Schemas, for OpenAPI. The handler reads them."""
    more_faults: MoreFaults | None = None
    """Finds what only a flow can tell, so that a body with faults has all of them listed."""
    refusals: frozenset[Code] = frozenset()
    """Codes beyond those that its guard and its body bring along, for OpenAPI."""
    secret: bool = False
    """Whether the answer carries a secret and must not be stored on the way (RFC 9111, 5.2.2.5)."""
    documented: bool = True

    @property
    def decides(self) -> bool:
        """Whether somebody who manages a project changes something by it."""
        return self.admits is Admits.MANAGER and self.method != "GET" and self.id not in _ASKS


_ASKS: Final = frozenset({"introspect-token"})
"""A POST that changes nothing."""

NO_CONTENT: Final = Response(204)
