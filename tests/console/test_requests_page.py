"""The page of requests of a development server: masked, explained, and only there."""

import base64
import json
import string
from typing import Final

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satmint.console.exchange_curl import curl
from satmint.control.masking import Masking
from satmint.jose import Keyring, TokenCipher
from satmint.model.recorded_exchange import Exchange, ExchangeKind
from tests.console.visitor import visiting
from tests.kit.chromium import Page
from tests.kit.dev import DevServer
from tests.kit.entropy import SeededEntropy
from tests.kit.service import Server

SECRET = st.text(string.ascii_letters + string.digits + '-_.+/=:"\\é', min_size=8, max_size=60)
NAMES = st.sampled_from(
    ["token", "refresh_token", "password", "secret", "SAT_token", "jwt_token", "Authorization"]
)


CIPHER: Final = TokenCipher(Keyring.new(SeededEntropy(), 0), SeededEntropy())


@given(secret=SECRET, name=NAMES)
@settings(max_examples=200, deadline=None)
def test_no_secret_appears_in_what_is_kept(secret: str, name: str) -> None:
    masking = Masking(CIPHER)
    body = json.dumps({"list": [{name: secret, "twice": f"«{secret}»"}], name: [secret]}).encode()
    basic = base64.b64encode(f"project:{secret}".encode())
    headers = masking.headers([(b"authorization", b"Basic " + basic), (b"x-copy", basic)])
    shown = masking.sweep(masking.body(body, len(body)))
    target = masking.sweep(
        masking.target("/api/x", httpx.QueryParams({name: secret}).__str__().encode())
    )
    for text in (shown, target, *(masking.sweep(value) for _, value in headers)):
        assert secret not in text
        assert json.dumps(secret, ensure_ascii=False)[1:-1] not in text
        assert basic.decode() not in text


def test_requests_are_shown_without_their_tokens_and_with_a_remedy(
    signed_in: Page, dev: DevServer
) -> None:
    base = f"{dev['http']}/api/fabric"
    with httpx.Client(auth=dev.auth) as client:
        made = client.post(f"{base}/subscribers/tokens", json={"reference": "seen@example.com"})
        tokens = made.json()
        client.post(
            f"{base}/subscribers/tokens/refresh", json={"refresh_token": "eyJwrong.x.y.z.a"}
        )
        client.get(
            f"{base}/addresses", headers={"Authorization": f"Bearer {tokens['refresh_token']}"}
        )
    secrets = [tokens["token"], tokens["refresh_token"], dev["api_token"], "eyJwrong"]
    seen = ""
    assert signed_in.open(f"{dev['admin']}/console/requests") == 200
    links = signed_in.evaluate(
        "[...document.querySelectorAll('td[data-label=Request] a')].slice(0, 3).map(a => a.href)"
    )
    for url in (f"{dev['admin']}/console/requests", *links):
        assert signed_in.open(url) == 200
        text = signed_in.evaluate("document.documentElement.outerHTML")
        assert not [secret for secret in secrets if secret in text]
        seen += text
    assert "[hidden: SAT]" in seen
    assert "[hidden: refresh token]" in seen
    assert "seen@example.com" in seen
    assert "$SIGNALWIRE_API_TOKEN" in seen
    assert "Why it was refused" in seen
    assert "Cause: <code>" in seen


def test_command_has_variables_and_quotes_what_is_hostile() -> None:
    exchange = Exchange(
        number=1,
        kind=ExchangeKind.REQUEST,
        at=0,
        method="POST",
        target="/api/x?a='$(id)",
        request_headers=[("authorization", "Basic p:[hidden: API token]"), ("host", "h")],
        request_body='{"token": "[hidden: SAT]"}',
    )
    command = curl(exchange, "http://h")
    assert '-u "$SIGNALWIRE_PROJECT_ID:$SIGNALWIRE_API_TOKEN"' in command
    assert '"$SAT"' in command
    assert "'\"'\"'$(id)'" in command


@pytest.mark.parametrize("path", ["requests", "requests/1", "clock"])
async def test_other_servers_have_no_such_page(server: Server, path: str) -> None:
    async with visiting(server) as visitor:
        await visitor.sign_in_as_operator()
        assert (await visitor.get(f"/console/{path}")).status_code == 404
        assert "/console/requests" not in visitor.page.all("href", "a")


def test_pages_of_the_server_lead_to_the_console_and_back(signed_in: Page, dev: DevServer) -> None:
    link = "[...document.querySelectorAll('main a')].some(a => a.pathname == '/console')"
    for path in ("/try", "/"):
        assert signed_in.open(dev["http"] + path) == 200
        assert signed_in.evaluate(link), path
    assert signed_in.open(f"{dev['admin']}/console/requests") == 200
    back = f"[...document.querySelectorAll('nav a')].map(a => a.href).includes('{dev['http']}/try')"
    assert signed_in.evaluate(back)
