"""FastAPI: a dependency verifies the token of each request, and of each WebSocket."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from typing import Annotated

import uvicorn
from _common import log_everything
from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from fastapi.middleware.cors import CORSMiddleware

from satmint_sdk.rest import AsyncRestClient
from satmint_sdk.verify import AsyncVerifier, VerifiedToken
from satmint_sdk.verify.fastapi import TokenRequired

client = AsyncRestClient()
verifier = AsyncVerifier(client)
token = TokenRequired(verifier, base_url=os.environ["BASE_URL"])
Caller = Annotated[VerifiedToken, Depends(token)]


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with client, verifier:
        yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(
    CORSMiddleware,
    allow_origin_regex="http://localhost:[0-9]+",
    allow_headers=["Authorization", "DPoP"],
    expose_headers=["WWW-Authenticate"],
)
twice = APIRouter(dependencies=[Depends(token)])


@app.get("/me")
async def me(caller: Caller) -> dict[str, object]:
    return {"subscriber": caller.subscriber, "kind": caller.kind}


# The router requires a token, and the endpoint some more of it.
@twice.get("/refreshing")
async def refreshing(
    caller: Annotated[VerifiedToken, Security(token, scopes=["sat:refresh"])],
) -> dict[str, object]:
    return {"subscriber": caller.subscriber}


@app.get("/addresses/{address}")
def address(
    address: str,
    caller: Annotated[VerifiedToken, Depends(token.requiring(address_param="address"))],
) -> dict[str, object]:
    return {"subscriber": caller.subscriber, "address": address}


@app.websocket("/socket")
async def socket(websocket: WebSocket, caller: Caller) -> None:
    await websocket.accept()
    await websocket.send_text(caller.subscriber)
    await websocket.close()


app.include_router(twice)

if __name__ == "__main__":
    log_everything()
    # At level DEBUG, uvicorn logs the headers of a WebSocket's handshake, with the token.
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "0")),
        log_config=None,
        log_level="info",
    )
