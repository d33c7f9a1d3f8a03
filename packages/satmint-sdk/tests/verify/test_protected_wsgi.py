"""Flask, Django and WSGI applications: paths, views of several kinds, and a server that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import django
import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.test import AsyncRequestFactory, RequestFactory
from flask import Flask, g
from werkzeug.test import Client

import satmint_sdk.verify.django as for_django
import satmint_sdk.verify.flask as for_flask
from kit.protected import token_of
from kit.server import Live
from satmint_sdk.credentials import DPoPKey
from satmint_sdk.rest import AsyncRestClient, RestClient
from satmint_sdk.verify import AsyncVerifier, Verifier
from satmint_sdk.verify.wsgi import TokenMiddleware

BASE_URL: Final = "https://api.example.com"
NOWHERE: Final = "127.0.0.1:1"


@pytest.fixture(scope="module")
def verifier(live: Live) -> Iterator[Verifier]:
    with live.client() as client, Verifier(client) as verifier:
        yield verifier


@pytest.fixture(scope="module")
def site() -> None:
    """A Django that is set up."""
    settings.configure(ALLOWED_HOSTS=["testserver"], SECRET_KEY="for tests", LOGGING_CONFIG=None)
    django.setup()


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_paths_of_proofs_are_those_that_the_client_sent(live: Live, verifier: Verifier) -> None:
    key = DPoPKey.generate()
    token = token_of(live, "wsgi-paths", fingerprint=key.thumbprint, scope="sat:refresh")
    app = Flask(__name__)
    app.get("/<path:name>", endpoint="show")(lambda name: name)
    client = Client(TokenMiddleware(app, verifier, base_url=BASE_URL))
    for path in ("/a%2Fb", "/%C3%A4%20%C3%B6", "/%7Euser", "/a;b=1,2", "/a/"):
        proof = key.http_proof("GET", f"{BASE_URL}{path}", access_token=token)
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
        assert client.get(f"{path}?query=1", headers=headers).status_code == 200, path
    # A server that does not say what was sent.
    spoken = {"REQUEST_URI": "/other", "RAW_URI": "/other"}
    proof = key.http_proof("GET", f"{BASE_URL}/a%20b", access_token=token)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    answer = client.get("/a%20b", headers=headers, environ_overrides=spoken)
    assert answer.status_code == 200
    proof = key.http_proof("GET", f"{BASE_URL}/other", access_token=token)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    assert client.get("/a", headers=headers, environ_overrides=spoken).status_code == 401


def test_answer_to_head_has_no_body(verifier: Verifier) -> None:
    client = Client(TokenMiddleware(Flask(__name__), verifier, base_url=BASE_URL))
    answer = client.head("/")
    assert (answer.status_code, answer.data) == (401, b"")
    assert answer.headers["content-type"] == "application/json"


def test_coroutine_views_of_flask_are_protected(live: Live, verifier: Verifier) -> None:
    app = Flask(__name__)
    protected = for_flask.TokenRequired(verifier, base_url=BASE_URL)

    @app.get("/")
    @protected
    async def show() -> str:
        await asyncio.sleep(0)  # noqa: TID251 - only to be a coroutine
        return str(g.satmint.kind)

    client = app.test_client()
    assert client.get("/", headers=bearing(token_of(live, "flask"))).text == "subscriber"
    assert client.get("/").status_code == 401


def test_middleware_and_decorator_use_a_proof_once(live: Live, verifier: Verifier) -> None:
    key = DPoPKey.generate()
    token = token_of(live, "once", fingerprint=key.thumbprint, scope="sat:refresh")
    app = Flask(__name__)
    protected = for_flask.TokenRequired(verifier, base_url=BASE_URL, scope="sat:refresh")
    app.get("/", endpoint="show")(protected(lambda: g.satmint.subscriber))
    client = Client(TokenMiddleware(app, verifier, base_url=BASE_URL))
    proof = key.http_proof("GET", f"{BASE_URL}/", access_token=token)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    assert client.get("/", headers=headers).status_code == 200
    assert client.get("/", headers=headers).json == {"error": "proof_replayed"}


def test_route_without_the_parameter_lets_nobody_through(live: Live, verifier: Verifier) -> None:
    app = Flask(__name__)
    app.testing = True
    protected = for_flask.TokenRequired(verifier, base_url=BASE_URL, address_param="room")
    app.get("/", endpoint="show")(protected(lambda: "through"))
    with pytest.raises(LookupError, match="no parameter 'room'"):
        app.test_client().get("/", headers=bearing(token_of(live, "param")))


@pytest.mark.usefixtures("site")
def test_post_to_a_protected_view_of_django_needs_no_csrf_token(
    live: Live, verifier: Verifier
) -> None:
    @for_django.TokenRequired(verifier, base_url=BASE_URL)
    def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"subscriber": request.satmint.subscriber})

    token = token_of(live, "csrf")
    request = RequestFactory(enforce_csrf_checks=True).post("/", headers=bearing(token))
    assert CsrfViewMiddleware(view).process_view(request, view, (), {}) is None
    assert view(request).status_code == 200
    refused: HttpResponse = view(RequestFactory().post("/"))
    assert (refused.status_code, "WWW-Authenticate" in refused.headers) == (401, True)


@pytest.mark.usefixtures("site")
def test_paths_of_proofs_may_have_any_characters_in_django(live: Live, verifier: Verifier) -> None:
    key = DPoPKey.generate()
    token = token_of(live, "django-paths", fingerprint=key.thumbprint, scope="sat:refresh")

    @for_django.TokenRequired(verifier, base_url=BASE_URL)
    def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"subscriber": request.satmint.subscriber})

    for path in ("/a", "/a%20b", "/%C3%A4", "/%E6%97%A5%E6%9C%AC"):
        for sent in ({}, {"RAW_URI": path}):
            proof = key.http_proof("GET", f"{BASE_URL}{path}", access_token=token)
            headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
            answer = view(RequestFactory().get(path, headers=headers, **sent))
            assert answer.status_code == 200, (path, answer.content)


@pytest.mark.usefixtures("site")
async def test_coroutine_views_of_django_are_protected_by_an_async_verifier(live: Live) -> None:
    key = DPoPKey.generate()
    token = token_of(live, "django", fingerprint=key.thumbprint, scope="sat:refresh")
    async with live.async_client() as client, AsyncVerifier(client) as verifier:
        protected = for_django.TokenRequired(verifier, base_url=BASE_URL)

        @protected
        @protected.requiring("sat:refresh")
        async def view(request: HttpRequest) -> JsonResponse:
            return JsonResponse({"subscriber": request.satmint.subscriber})

        proof = key.http_proof("GET", f"{BASE_URL}/a%20b", access_token=token)
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
        answer = await view(AsyncRequestFactory().get("/a%20b", headers=headers))
        assert answer.status_code == 200
        assert (await view(AsyncRequestFactory().get("/a%20b"))).status_code == 401


@pytest.mark.usefixtures("site")
async def test_decorator_of_django_says_which_verifier_a_view_needs(verifier: Verifier) -> None:
    async def coroutine(_: HttpRequest) -> None: ...

    def function(_: HttpRequest) -> None: ...

    asynchronous = AsyncVerifier(AsyncRestClient("p", "t", NOWHERE))
    with pytest.raises(TypeError, match="needs an AsyncVerifier"):
        for_django.TokenRequired(verifier, base_url=BASE_URL)(coroutine)
    with pytest.raises(TypeError, match="needs a Verifier"):
        for_django.TokenRequired(asynchronous, base_url=BASE_URL)(function)
    await asynchronous.close()


@pytest.mark.usefixtures("site")
def test_while_satmint_is_away_requests_are_answered_503(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    token = token_of(live, "away")
    app = Flask(__name__)
    with RestClient("p", "t", NOWHERE) as client, Verifier(client) as verifier:
        app.get("/", endpoint="show")(
            for_flask.TokenRequired(verifier, base_url=BASE_URL)(lambda: "through")
        )
        for answering in (app, TokenMiddleware(app, verifier, base_url=BASE_URL)):
            answer = Client(answering).get("/", headers=bearing(token))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert Client(answering).get("/").status_code == 401
        view: Any = for_django.TokenRequired(verifier, base_url=BASE_URL)(lambda _: HttpResponse())
        answered: HttpResponse = view(RequestFactory().get("/", headers=bearing(token)))
        assert (answered.status_code, answered.headers["retry-after"]) == (503, "1")
    assert "a request was answered 503" in caplog.text
    assert token not in caplog.text
