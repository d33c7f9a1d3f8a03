"""A WSGI application without a framework, behind a middleware, for gunicorn with workers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from _common import log_everything

from satmint_sdk.rest import RestClient
from satmint_sdk.verify import Verifier
from satmint_sdk.verify.wsgi import TokenMiddleware

log_everything()
verifier = Verifier(RestClient())
BASE_URL = os.environ["BASE_URL"]


def inner(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    token = environ.get("satmint.token")
    known = {"healthy": True} if token is None else {"subscriber": environ["REMOTE_USER"]}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(known).encode()]


everywhere = TokenMiddleware(inner, verifier, base_url=BASE_URL, public=["/healthz"])
refreshing = TokenMiddleware(everywhere, verifier, base_url=BASE_URL, scope="sat:refresh")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    first, _, last = environ["PATH_INFO"].rpartition("/")
    if first == "/addresses":
        only = TokenMiddleware(everywhere, verifier, base_url=BASE_URL, address=last)
        return only(environ, start_response)
    return (refreshing if last == "refreshing" else everywhere)(environ, start_response)
