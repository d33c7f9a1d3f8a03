"""Requests with an idempotency key: the first one makes its resource, the others find it.

A repetition is answered from the resource as it is now. A secret is not stored: it is derived again
from the keyring and a random salt, as long as nobody has used it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, TypeVar
from uuid import UUID

from satmint.flows.callers import ApiTokenCaller, SubscriberCaller
from satmint.flows.repetitions import master_secret, result_unavailable
from satmint.flows.service_context import ServiceContext
from satmint.jose import derived_mac
from satmint.model.idempotency import KEPT_SECONDS, InvalidKey, KeyedRequest, read_key
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable
from satmint.store.contract import RequestRepeated

T = TypeVar("T")

HEADER: Final = "Idempotency-Key"
_SALT_BYTES: Final = 32
_PURPOSE: Final = "idempotency-request"


@dataclass(frozen=True, slots=True)
class RequestIdentity:
    """What makes two requests the same one."""

    caller: ApiTokenCaller | SubscriberCaller
    method: str
    path: str
    key: str
    members: Mapping[str, Any] = field(repr=False)
    """The valid body."""
    has_proof: bool = False
    """Whether it has a proof of possession: without one, it may be good for less."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the caller, the method, the path and the key.

        The caller is the API token or the session, so that nobody else's key is found.
        """
        caller = self.caller
        who = caller.api_token if isinstance(caller, ApiTokenCaller) else caller.claims.sid
        return sha256(_encode([str(who), self.method, self.path, self.key])).digest()

    @property
    def content(self) -> bytes:
        """The body in one form, whatever the order of its members."""
        return _encode([self.has_proof, self.members])


def read_idempotency_key(values: list[str]) -> str:
    """The key in the `Idempotency-Key` headers of a request.

    Raises:
        Unprocessable: the header is malformed, or there are several.
    """
    try:
        return read_key(values)
    except InvalidKey as invalid:
        message = f"{HEADER} {invalid}"
        raise Unprocessable(FieldError(Code.INVALID_PARAMETER, message, HEADER)) from invalid


async def perform_once(
    services: ServiceContext,
    request: RequestIdentity,
    make: Callable[[ServiceContext], Awaitable[T]],
    repeat: Callable[[ServiceContext, UUID], Awaitable[T]],
) -> tuple[T, bool]:
    """Make a resource, unless an earlier request with the same key has made it.

    Args:
        services: The context of this process.
        request: The request.
        make: Makes the resource, whose id is `ServiceContext.new_resource_id`, and hands
            `ServiceContext.keyed` to the store.
        repeat: Answers for the resource with this id, as `make` did.

    Returns:
        The answer, and whether it is that of a repetition.

    Raises:
        Unprocessable: the first request had another body, or its answer cannot be given again.
    """
    keyed, now = _keyed(services, request), services.clock.now()
    store = services.store.keyed_requests
    first = await store.find(keyed.project, keyed.key_digest, now)
    if first is None:
        try:
            return await make(services.for_request(keyed)), False
        except RequestRepeated as repeated:
            first = repeated.first
    _check_same_content(services, request, first)
    try:
        return await repeat(services.for_request(first), first.resource), True
    except NotFound as deleted:
        raise result_unavailable("deleted") from deleted


def _keyed(services: ServiceContext, request: RequestIdentity) -> KeyedRequest:
    master, salt = services.cipher.keyring.active, services.entropy.take(_SALT_BYTES)
    return KeyedRequest(
        project=request.caller.project,
        key_digest=request.digest,
        request_digest=derived_mac(master.secret, salt, _PURPOSE, request.content),
        master_key=master.id,
        salt=salt,
        resource=services.new_id(),
        forget_at=services.clock.now() + KEPT_SECONDS,
    )


def _check_same_content(
    services: ServiceContext, request: RequestIdentity, first: KeyedRequest
) -> None:
    master = master_secret(services.cipher.keyring, first)
    content = derived_mac(master, first.salt, _PURPOSE, request.content)
    if not compare_digest(content, first.request_digest):
        message = f"{HEADER} was used for a request with another body"
        raise Unprocessable(FieldError(Code.IDEMPOTENCY_KEY_REUSED, message, HEADER))


def _encode(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
