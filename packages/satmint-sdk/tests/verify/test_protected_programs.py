"""Services of several frameworks as programs of their own, which verify the tokens of requests."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from kit.programs import wait_until
from kit.protected import BASE_URL, PROGRAMS, sign_in, start, url_of
from kit.server import Live
from satmint_sdk.credentials import DPoPKey


class Service:
    """A program that runs."""

    def __init__(self, name: str, url: str, live: Live) -> None:
        self.name = name
        self.live = live
        self.http = httpx.Client(base_url=url, timeout=60)

    def get(self, path: str, token: str, proof: str | None = None) -> httpx.Response:
        """Ask with a token, and with its proof."""
        if proof is None:
            return self.http.get(path, headers={"Authorization": f"Bearer {token}"})
        return self.http.get(path, headers={"Authorization": f"DPoP {token}", "DPoP": proof})

    def raw(self, *headers: bytes) -> tuple[int, bytes]:
        """Status and head of the answer to a request with these lines."""
        url = self.http.base_url
        head = b"\r\n".join([b"GET /me HTTP/1.1", b"Host: x", b"Connection: close", *headers])
        with socket.create_connection((url.host, url.port or 80), timeout=60) as connection:
            connection.sendall(head + b"\r\n\r\n")
            answer = b""
            while part := connection.recv(65536):
                answer += part
        return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[0]


@pytest.fixture(scope="module")
def introspecting(live: Live) -> str:
    """An API token that may do nothing else."""
    with live.client() as client:
        return client.project.tokens.create(name="verifier", permissions=["introspect"])["token"]


@pytest.fixture(scope="module", params=PROGRAMS)
def service(
    request: pytest.FixtureRequest,
    live: Live,
    introspecting: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """Each program in turn; it is stopped in good order, and has said no secret."""
    folder = tmp_path_factory.mktemp(request.param)
    with start(request.param, folder, live, SIGNALWIRE_API_TOKEN=introspecting) as program:
        running = Service(request.param, url_of(program), live)
        with running.http:
            yield running
        program.stop()
        program.check(resources=False)


def test_request_without_a_token_is_told_the_two_ways_to_send_one(service: Service) -> None:
    answer = service.http.get("/me")
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge == 'Bearer, DPoP algs="ES256 RS256 PS256 EdDSA Ed25519"'
    basic = service.http.get("/me", auth=("project", "secret"))
    assert (basic.status_code, basic.headers["www-authenticate"]) == (401, challenge)


def test_bearer_token_is_good_until_it_is_revoked(service: Service) -> None:
    token, subscriber = sign_in(service.live, f"bearer-{service.name}")
    for _ in range(3):
        answer = service.get("/me", token)
        assert (answer.status_code, answer.json()["subscriber"]) == (200, subscriber)
    service.live.revoke(subscriber)
    wait_until(lambda: service.get("/me", token).status_code == 401, "a revoked token is good")
    refused = service.get("/me", token)
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert refused.headers["cache-control"] == "no-store"


def test_bound_token_is_good_with_a_proof_for_this_request_only(service: Service) -> None:
    key = DPoPKey.generate()
    token, subscriber = sign_in(
        service.live, f"bound-{service.name}", fingerprint=key.thumbprint, scope="sat:refresh"
    )
    proof = key.http_proof("GET", f"{BASE_URL}/me", access_token=token)
    answer = service.get("/me?of=nobody", token, proof)
    assert (answer.status_code, answer.json()["subscriber"]) == (200, subscriber)

    def cause(proof: str | None) -> str:
        refused = service.get("/me", token, proof)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("DPoP ")
        found = refused.json()
        return str(found.get("error", found.get("detail")))

    assert cause(proof) == "proof_replayed"
    assert cause(None) == "proof_missing"
    seen_by_the_program = str(service.http.base_url.join("/me"))
    for url in (f"{BASE_URL}/refreshing", "https://api.example.com/me", seen_by_the_program):
        assert cause(key.http_proof("GET", url, access_token=token)) == "proof_target"
    other = DPoPKey.generate().http_proof("GET", f"{BASE_URL}/me", access_token=token)
    assert cause(other) == "proof_key_mismatch"
    assert cause(token) == "proof_malformed"
    # It is protected twice, by what requires a token and by what requires its scope.
    twice = key.http_proof("GET", f"{BASE_URL}/refreshing", access_token=token)
    assert service.get("/refreshing", token, twice).status_code == 200


def test_no_header_of_a_request_changes_what_a_proof_is_for(service: Service) -> None:
    key = DPoPKey.generate()
    token, _ = sign_in(
        service.live, f"proxied-{service.name}", fingerprint=key.thumbprint, scope="sat:refresh"
    )
    proof = key.http_proof("GET", "https://evil.example/v1/me", access_token=token)
    headers = {
        "Authorization": f"DPoP {token}",
        "DPoP": proof,
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example;proto=https",
        "X-Original-URL": "https://evil.example/v1/me",
    }
    assert service.http.get("/me", headers=headers).status_code == 401


def test_scope_is_required_of_a_route(service: Service) -> None:
    token, _ = sign_in(service.live, f"scope-{service.name}")
    refused = service.get("/refreshing", token)
    assert refused.status_code == 403
    challenge = refused.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="sat:refresh"' in challenge


def test_address_is_required_of_a_route(service: Service) -> None:
    good, other = service.live.addresses[:2]
    with service.live.client() as client:
        token = client.fabric.tokens.create_guest_token(allowed_addresses=[good])["token"]
    assert service.get(f"/addresses/{good}", token).status_code == 200
    assert service.get(f"/addresses/{other}", token).status_code == 403


@pytest.mark.parametrize("service", ["fastapi", "asgi"], indirect=True)
def test_websocket_is_opened_with_a_good_token_only(service: Service) -> None:
    token, subscriber = sign_in(service.live, f"socket-{service.name}")
    url = str(service.http.base_url.copy_with(scheme="ws", path="/socket"))
    bearer = {"Authorization": f"Bearer {token}"}
    with connect(url, additional_headers=bearer, proxy=None) as websocket:
        assert websocket.recv() == subscriber
    for headers in ({}, {"Authorization": "Bearer x"}):
        with pytest.raises(InvalidStatus) as refused:
            connect(url, additional_headers=headers, proxy=None)
        assert refused.value.response.status_code == 401
        assert "WWW-Authenticate" in refused.value.response.headers


def test_malformed_headers_are_refused_in_one_clear_way(service: Service) -> None:
    token, _ = sign_in(service.live, f"headers-{service.name}")
    bearer = f"Authorization: Bearer {token}".encode()
    assert service.raw(bearer)[0] == 200
    assert service.raw(bearer.replace(b"Bearer", b"bEARER"))[0] == 200
    malformed = {
        "two": (bearer, bearer),
        "two others": (bearer, b"Authorization: Basic eDp5"),
        "empty": (b"Authorization:",),
        "no token": (b"Authorization: Bearer",),
        "two tokens": (bearer + b" " + token.encode(),),
        "not ASCII": ("Authorization: Bearer tök€n".encode(),),
        "quoted": (b'Authorization: Bearer "x"',),
    }
    for what, headers in malformed.items():
        status, head = service.raw(*headers)
        assert status == 400, what
        assert b'error="invalid_request"' in head, what
    assert service.raw(bearer, b"DPoP:")[0] == 401
    assert service.raw(bearer, b"DPoP: a.b.c", b"DPoP: a.b.c")[0] == 401
    assert service.raw(bearer, b"DPoP: " + "ä.ö.ü".encode())[0] == 401
    # Too much for most servers; where it is not, the token is what is refused.
    assert service.raw(b"Authorization: Bearer " + b"a" * 100_000)[0] in (400, 401, 431)
    assert service.raw(bearer, b"DPoP: " + b"a" * 9_000)[0] in (400, 401, 431)
    assert service.raw(bearer)[0] == 200
