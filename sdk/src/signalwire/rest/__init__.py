"""The REST API of a satmint server, or of the vendor whose API it speaks.

    from signalwire.rest import RestClient

    client = RestClient(project="...", token="PT...", host="127.0.0.1:8080")
    pair = client.fabric.tokens.create_subscriber_token(reference="alice@example.com")
    pair = client.fabric.tokens.refresh_subscriber_token(refresh_token=pair["refresh_token"])

`AsyncRestClient` has the same methods, to be awaited. Answers are plain dicts, in the shapes of
`signalwire.rest.types`.
"""

from signalwire.rest._client import AsyncRestClient, RestClient
from signalwire.rest._options import RequestOptions
from signalwire.rest.errors import SignalWireRestError, SignalWireRestTransportError

__all__ = [
    "AsyncRestClient",
    "RequestOptions",
    "RestClient",
    "SignalWireRestError",
    "SignalWireRestTransportError",
]
