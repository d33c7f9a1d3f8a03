"""A service on FastAPI whose endpoints answer the same, and check tokens in several ways.

Run by the environment of the SDK:

    app.py serve        says where it listens, in a line of JSON, and serves
    app.py figures N    what a kept answer costs, and the memory of N, without a network
"""

import gc
import json
import os
import socket
import sys
import time
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Annotated
from uuid import UUID

import httpx
import jwt
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from satmint_sdk.rest import AsyncRestClient, RestClient
from satmint_sdk.verify import AsyncVerifier, VerifiedToken, Verifier
from satmint_sdk.verify.fastapi import TokenRequired

PROJECT = "00000000-0000-4000-8000-000000000001"
RUNS, CALLS, SHOWN = 7, 20_000, 1_000


def api():
    client = AsyncRestClient()
    verifier = AsyncVerifier(client)
    token = TokenRequired(verifier, base_url="http://127.0.0.1")
    secret = os.environ["JWT_SECRET"]

    @asynccontextmanager
    async def lifespan(_):
        async with client, verifier:
            yield

    app = FastAPI(lifespan=lifespan)

    async def introspected(authorization: Annotated[str, Header()]):
        found = await client.satmint.tokens.introspect(token=authorization.removeprefix("Bearer "))
        if not found["active"]:
            raise HTTPException(401)
        return found["sub"]

    async def decoded(authorization: Annotated[str, Header()]):
        try:
            claims = jwt.decode(authorization.removeprefix("Bearer "), secret, ["HS256"])
        except jwt.InvalidTokenError:
            raise HTTPException(401) from None
        return claims["sub"]

    @app.get("/open")
    async def open_to_all():
        return {"subscriber": "00000000-0000-4000-8000-000000000002"}

    @app.get("/verified")
    async def verified(caller: Annotated[VerifiedToken, Depends(token)]):
        return {"subscriber": caller.subscriber}

    @app.get("/introspected")
    async def asked(subscriber: Annotated[str, Depends(introspected)]):
        return {"subscriber": subscriber}

    @app.get("/jwt")
    async def local(subscriber: Annotated[str, Depends(decoded)]):
        return {"subscriber": subscriber}

    return app


def serve():
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    print(json.dumps({"event": "listening", "url": url}), file=sys.stderr, flush=True)
    config = uvicorn.Config(api(), log_level="warning", access_log=False)
    uvicorn.Server(config).run([listener])


class Feed(httpx.SyncByteStream):
    """A feed without revocations."""

    def __iter__(self):
        yield b"event: start\nid: 0\ndata: {}\n\n"
        while True:
            time.sleep(1)
            yield b"event: heartbeat\nid: 0\ndata: {}\n\n"


def identifier(text):
    return str(UUID(bytes=sha256(text.encode()).digest()[:16], version=4))


def answer_of(token):
    subscriber, session = identifier("sub" + token), identifier("sid" + token)
    return {
        "active": True,
        "token_type": "SAT",
        "sub": subscriber,
        "project_id": PROJECT,
        "session_id": session,
        "kind": "subscriber",
        "scope": "sat:refresh",
        "exp": int(time.time()) + 7200,
        "epoch": 0,
        "project_epoch": 0,
        "depends_on": [session, subscriber, PROJECT, "key:0123456789abcdef"],
    }


def service(request):
    if request.method == "GET":
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Feed())
    asked = json.loads(request.content)
    if "tokens" in asked:
        return httpx.Response(200, json={"tokens": [answer_of(one) for one in asked["tokens"]]})
    return httpx.Response(200, json=answer_of(asked["token"]))


def token_of(number):
    part = sha256(b"%d" % number).hexdigest()
    return f"eyJhbGciOiJkaXIifQ..{part[:16]}.{part * 4}.{part[:22]}"


def resident():
    gc.collect()
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def figures(count):
    client = RestClient(
        PROJECT, "PT" + "0" * 48, "example.com", transport=httpx.MockTransport(service)
    )
    verifier = Verifier(client)
    verifier.start()
    while not verifier.state.feed.is_current:
        time.sleep(0.01)
    for number in range(count, count + 200):  # what is imported and cached at the first use
        verifier.verify(token_of(number))
    before = resident()
    for number in range(count):
        verifier.verify(token_of(number))
    grown, kept = resident() - before, verifier.state.answers.kept
    shown = [token_of(number) for number in range(count - SHOWN, count)] * (CALLS // SHOWN)
    costs = []
    for _ in range(RUNS):
        began = time.process_time()
        for token in shown:
            verifier.verify(token)
        costs.append((time.process_time() - began) / len(shown) * 1e6)
    print(json.dumps({"kept_us": median(costs), "kept_mb": grown, "kept": kept}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    serve() if sys.argv[1] == "serve" else figures(int(sys.argv[2]))
