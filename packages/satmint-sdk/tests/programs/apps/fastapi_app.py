"""FastAPI: the session lives as long as the application, and every request uses it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import httpx
import uvicorn
from _common import FIRST_LIFE, LIFE, ME, REFERENCE, log_everything
from fastapi import FastAPI, Request

from satmint_sdk.credentials import (
    CredentialSession,
    SubscriberAuth,
    SubscriberCredentialProvider,
)
from satmint_sdk.rest import AsyncRestClient


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncRestClient() as client:
        provider = SubscriberCredentialProvider(
            client, reference=REFERENCE, lifetime=FIRST_LIFE, refreshed_lifetime=LIFE
        )
        async with (
            CredentialSession(provider) as session,
            httpx.AsyncClient(auth=SubscriberAuth(session)) as http,
        ):
            app.state.session, app.state.http = session, http
            yield


app = FastAPI(lifespan=lifespan)


@app.get("/me")
async def me(request: Request) -> dict[str, object]:
    state = request.app.state
    answer = await state.http.get(ME)
    answer.raise_for_status()
    return {
        "id": answer.json()["id"],
        "refreshed": state.session.stats.attempts.get("refreshed", 0),
    }


if __name__ == "__main__":
    log_everything()
    uvicorn.run(app, host="127.0.0.1", port=0, log_config=None)
