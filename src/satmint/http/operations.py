"""Operations of the API: path, authentication, body schema, handler and description.

Routing, authentication, parsing, OpenAPI and the house tests use the same table of operations.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from satmint.flows.callers import CallerAuthenticator
from satmint.flows.proofs import PROOF_ALGORITHMS
from satmint.flows.revocation_hub import RevocationHub
from satmint.flows.service_context import ServiceContext
from satmint.flows.webhook_deliveries import MessageSender
from satmint.http.body_schema import BodySchema, Members, ReadContext
from satmint.http.call import Call, Response
from satmint.http.metrics import Metrics
from satmint.http.metrics_aggregator import MetricsAggregator
from satmint.http.request_body import BODY_LIMIT
from satmint.http.upgrades import Gateway
from satmint.model.demo import Demo
from satmint.model.permissions import FABRIC, INTROSPECTION, MANAGEMENT, VENDOR, Permission
from satmint.model.refusals import Code, FieldError, Unprocessable


class Authentication(Enum):
    """The credentials that an operation requires."""

    PUBLIC = "public"
    API_TOKEN = "api_token"  # noqa: S105 - not a secret
    """Basic, with a permission for the fabric endpoints."""
    API_TOKEN_ANY = "api_token (any permission)"  # noqa: S105 - not a secret
    """Basic, with any permission of the vendor's."""
    API_TOKEN_INTROSPECT = "api_token:introspect"  # noqa: S105 - not a secret
    """Basic, with the permission `introspect` or `management`."""
    API_TOKEN_MANAGEMENT = "api_token:management"  # noqa: S105 - not a secret
    """Basic, with the permission `management`."""
    SUBSCRIBER_TOKEN = "subscriber_token"  # noqa: S105 - not a secret
    """Bearer, with a SAT."""
    SUBSCRIBER_OR_API_TOKEN = "subscriber_token or api_token"  # noqa: S105 - not a secret
    BOUND_TOKEN = "bound_token"  # noqa: S105 - not a secret
    """Bearer or DPoP, with a SAT and a proof of possession. The flow checks the proof."""
    BOUND_TOKEN_GRACE = "bound_token (grace)"  # noqa: S105 - not a secret
    """The same, but a bound SAT is also accepted shortly after it expires."""
    INVITER = "subscriber_token, with or without a proof, or api_token"
    """`SUBSCRIBER_OR_API_TOKEN`, or DPoP. The flow checks a proof of possession if there is one."""

    @property
    def permissions(self) -> frozenset[Permission]:
        """An API token needs any one of these. Empty: API tokens are not accepted."""
        return _PERMISSIONS[self]

    @property
    def requires_proof(self) -> bool:
        """Whether a proof of possession is required."""
        return self in (Authentication.BOUND_TOKEN, Authentication.BOUND_TOKEN_GRACE)

    @property
    def accepts_proof(self) -> bool:
        """Whether a proof of possession in the request is checked."""
        return self.requires_proof or self is Authentication.INVITER

    @property
    def challenge(self) -> bytes:
        """The value of `WWW-Authenticate` in a 401 response (RFC 9110, section 11.6.1)."""
        return {
            Authentication.SUBSCRIBER_TOKEN: b'Bearer realm="satmint"',
            Authentication.SUBSCRIBER_OR_API_TOKEN: _BEARER_OR_BASIC,
            Authentication.BOUND_TOKEN: _WITH_PROOF,
            Authentication.BOUND_TOKEN_GRACE: _WITH_PROOF,
            Authentication.INVITER: _BEARER_OR_BASIC,
        }.get(self, b'Basic realm="satmint"')


_PERMISSIONS: Final[dict[Authentication, frozenset[Permission]]] = {
    Authentication.PUBLIC: frozenset(),
    Authentication.API_TOKEN: FABRIC,
    Authentication.API_TOKEN_ANY: VENDOR,
    Authentication.API_TOKEN_INTROSPECT: INTROSPECTION,
    Authentication.API_TOKEN_MANAGEMENT: MANAGEMENT,
    Authentication.SUBSCRIBER_TOKEN: frozenset(),
    Authentication.SUBSCRIBER_OR_API_TOKEN: FABRIC,
    Authentication.BOUND_TOKEN: frozenset(),
    Authentication.BOUND_TOKEN_GRACE: frozenset(),
    Authentication.INVITER: FABRIC,
}
_BEARER_OR_BASIC: Final = b'Bearer realm="satmint", Basic realm="satmint"'
_WITH_PROOF: Final = b'Bearer realm="satmint", DPoP algs="%b"' % " ".join(PROOF_ALGORITHMS).encode()


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """What handlers need in addition to the request."""

    services: ServiceContext
    callers: CallerAuthenticator
    metrics: Metrics
    public_url: str
    """The external base URL of this server, without a trailing slash."""
    external_urls: frozenset[str] = frozenset()
    """All external base URLs; a proof of possession must name one of them. They come only from
    configuration, because the caller chooses the `Host` header: otherwise, this server would accept
    a proof that was made for another server."""
    openapi: bytes = b""
    """The OpenAPI 3.1 document of the API."""
    aggregator: MetricsAggregator | None = None
    """Collects the metrics of all workers, if there are several."""
    revocations: RevocationHub | None = None
    """The listeners of the feed of revocations; None: it is not served."""
    gateway: Gateway | None = None
    """Serves WebSockets; None: WebSocket requests are rejected."""
    warnings: Callable[[], Sequence[str]] = list
    """Returns problems that do not make the server unready but need an operator."""
    demo: Demo | None = field(default=None, repr=False)
    """The demo credentials that the start page shows; None in production."""
    sender: MessageSender | None = field(default=None, repr=False)
    """Sends test messages to webhooks; None: this listener does not."""

    def with_services(self, services: ServiceContext) -> "HandlerContext":
        """Return the same context with other services."""
        return replace(self, services=services)

    def read_context(self) -> ReadContext:
        """Return the context in which the members of a body are read now."""
        return ReadContext(self.services.clock.now(), self.services.policy)


Handler = Callable[[HandlerContext, Call], Awaitable[object]]
FindErrors = Callable[[HandlerContext, Call, Members], Awaitable[list[FieldError]]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BodyHandler(Generic[T]):
    """A handler of requests with a body of a given schema."""

    schema: BodySchema[T]
    handle: Callable[[HandlerContext, Call, T], Awaitable[object]]
    find_errors: FindErrors | None = None
    """Finds errors that only a flow can detect, so that a response lists all errors of a body."""

    async def __call__(
        self, context: HandlerContext, call: Call, members: Mapping[str, object]
    ) -> object:
        """Handle a request.

        Args:
            context: What handlers need in addition to the request.
            call: The authenticated request.
            members: The JSON object in its body.

        Raises:
            Unprocessable: the body is invalid; with all errors.
        """
        return await self.handle(context, call, await self.read(context, call, members))

    async def read(self, context: HandlerContext, call: Call, members: Mapping[str, object]) -> T:
        """Read the body as the value that `handle` takes; see `__call__`."""
        read, field_errors = self.schema.read(members, context.read_context())
        if field_errors:
            if self.find_errors is not None:
                field_errors += await self.find_errors(context, call, read)
            raise Unprocessable(*field_errors)
        return self.schema.build(read)


Repeat = Callable[[HandlerContext, Call, Any, UUID], Awaitable[object]]
"""Answers a request again: takes its body as read, and the id of what the first one made."""


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
    authentication: Authentication
    handler: Handler | BodyHandler[Any]
    """A `BodyHandler` reads the body; any other handler ignores it."""
    status: int = 200
    answer: Any = None
    """The msgspec type of the answer, or a tuple of alternatives; None: no content, or the handler
    returns a `Response`."""
    other_answers: Mapping[int, Any] = field(default_factory=dict)
    """The types of the answers with another status, by status; the handler returns them as a
    `Response`."""
    media_type: str = "application/json"
    query: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Query parameters and their JSON Schemas, for OpenAPI. The handler reads them."""
    refusals: frozenset[Code] = frozenset()
    """Codes in addition to those of its authentication and its body, for OpenAPI."""
    secret: bool = False
    """Whether the answer contains a secret, which caches must not store (RFC 9111, 5.2.2.5)."""
    repeat: Repeat | None = None
    """Answers a repetition of a request with an idempotency key; a `BodyHandler` makes the first
    answer. None: the operation ignores such keys."""
    body_limit: int = BODY_LIMIT
    """The maximum number of bytes in a request's body."""
    reads_only: bool = False
    """Whether it changes nothing although its method is not safe (RFC 9110, 9.2.1)."""
    documented: bool = True

    @property
    def body_schema(self) -> BodySchema[Any] | None:
        """The schema of the body; None: a body is ignored."""
        return self.handler.schema if isinstance(self.handler, BodyHandler) else None

    @property
    def is_management_change(self) -> bool:
        """Whether it changes something through the management API."""
        return (
            self.authentication is Authentication.API_TOKEN_MANAGEMENT
            and self.method != "GET"
            and not self.reads_only
        )


NO_CONTENT: Final = Response(204)
