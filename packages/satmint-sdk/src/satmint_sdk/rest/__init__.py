"""The REST API of a satmint server, or of the vendor whose API it speaks.

    from satmint_sdk.rest import RestClient

    client = RestClient(project="...", token="PT...", host="127.0.0.1:8080")
    pair = client.fabric.tokens.create_subscriber_token(reference="alice@example.com")
    pair = client.fabric.tokens.refresh_subscriber_token(refresh_token=pair["refresh_token"])

`AsyncRestClient` has the same methods, to be awaited. Responses are plain dicts, typed in
`satmint_sdk.rest.types`.
"""

from satmint_sdk.rest._client import AsyncRestClient, RestClient
from satmint_sdk.rest._last_response import LastResponse
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest.errors import (
    SignalWireRestError,
    SignalWireRestTooLargeError,
    SignalWireRestTransportError,
)

__all__ = [
    "AsyncRestClient",
    "LastResponse",
    "RequestOptions",
    "RestClient",
    "SignalWireRestError",
    "SignalWireRestTooLargeError",
    "SignalWireRestTransportError",
]


def __dir__() -> list[str]:
    return [*__all__, "errors", "types"]
