"""FastAPI: the session lives as long as the application, and every request uses it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import httpx
import uvicorn
from _common import FIRST_LIFE, LIFE, ME, REFERENCE, log_everything
from fastapi import FastAPI, Request

from satmint_sdk.credentials import CredentialSession, SubscriberCredentialProvider
from satmint_sdk.rest import AsyncRestClient


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncRestClient() as client, httpx.AsyncClient() as http:
        provider = SubscriberCredentialProvider(
            client, reference=REFERENCE, lifetime=FIRST_LIFE, refreshed_lifetime=LIFE
        )
        async with CredentialSession(provider) as session:
            app.state.session, app.state.http = session, http
            yield


app = FastAPI(lifespan=lifespan)


@app.get("/me")
async def me(request: Request) -> dict[str, object]:
    state = request.app.state
    token = await state.session.token()
    answer = await state.http.get(ME, headers={"authorization": f"Bearer {token}"})
    if answer.status_code == 401:
        token = await state.session.renew(token)
        answer = await state.http.get(ME, headers={"authorization": f"Bearer {token}"})
    answer.raise_for_status()
    return {
        "id": answer.json()["id"],
        "refreshed": state.session.stats.attempts.get("refreshed", 0),
    }


if __name__ == "__main__":
    log_everything()
    uvicorn.run(app, host="127.0.0.1", port=0, log_config=None)
