"""An ASGI application without a framework, behind a middleware, under uvicorn."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from _common import log_everything

from satmint_sdk.rest import AsyncRestClient
from satmint_sdk.verify import AsyncVerifier
from satmint_sdk.verify.asgi import TokenMiddleware

client = AsyncRestClient()
verifier = AsyncVerifier(client)
BASE_URL = os.environ["BASE_URL"]


async def answer(send: Callable[..., Awaitable[None]], **members: object) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(members).encode()})


async def inner(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["path"] == "/healthz":
        await answer(send, healthy=True)
        return
    token = scope["state"]["satmint"]
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": scope["user"].identity})
        await send({"type": "websocket.close"})
    else:
        await answer(send, subscriber=token.subscriber, kind=token.kind)


everywhere = TokenMiddleware(inner, verifier, base_url=BASE_URL, public=["/healthz"])
refreshing = TokenMiddleware(everywhere, verifier, base_url=BASE_URL, scope="sat:refresh")


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        verifier.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await verifier.close()
        await client.close()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["path"] == "/refreshing":
        await refreshing(scope, receive, send)
    elif scope["path"].startswith("/addresses/"):
        address = scope["path"].rpartition("/")[2]
        only = TokenMiddleware(everywhere, verifier, base_url=BASE_URL, address=address)
        await only(scope, receive, send)
    else:
        await everywhere(scope, receive, send)


if __name__ == "__main__":
    log_everything()
    # At level DEBUG, uvicorn logs the headers of a WebSocket's handshake, with the token.
    uvicorn.run(app, host="127.0.0.1", port=0, log_config=None, log_level="info")
