"""Both verifiers against the real server: each refusal, and each ending of a token."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from kit.server import Live
from kit.verifying import token_of, wait_until
from satmint_sdk.credentials import DPoPKey
from satmint_sdk.rest import AsyncRestClient, RestClient
from satmint_sdk.rest.types import Permission
from satmint_sdk.testing import FakeClock
from satmint_sdk.verify import (
    AsyncVerifier,
    CannotVerify,
    RefusalCause,
    TokenRefused,
    VerifiedToken,
    Verifier,
)

URL = "https://api.example.com/v1/rooms/7"
GET: dict[str, Any] = {"method": "GET", "url": URL}


@dataclass
class Service:
    """A service of somebody's own: a verifier with a kept feed, and the operator's client.

    Attributes:
        verify: As `Verifier.verify`, by one of the two verifiers.
        verifier: It.
        accepted: The tokens that are accepted, of several that are verified at once.
        managing: A client that may do everything.
        key: A key that tokens are bound to.
    """

    verify: Callable[..., VerifiedToken]
    verifier: Verifier | AsyncVerifier
    accepted: Callable[[list[str]], list[str]]
    managing: RestClient
    live: Live
    key: DPoPKey

    def sign_in(self, reference: str, **more: Any) -> Any:
        return self.managing.fabric.tokens.create_subscriber_token(
            reference=reference, scope="sat:refresh", **more
        )

    def bound(self, reference: str = "bound") -> str:
        token: str = self.sign_in(reference, fingerprint=self.key.thumbprint)["token"]
        return token

    def refusal(self, token: str, **wanted: Any) -> TokenRefused:
        with pytest.raises(TokenRefused) as refused:
            self.verify(token, **wanted)
        return refused.value

    def is_accepted(self, token: str) -> bool:
        with contextlib.suppress(TokenRefused):
            return self.verify(token) is not None
        return False


def token_with(live: Live, *permissions: Permission) -> str:
    with live.client() as client:
        made = client.project.tokens.create(name="a service", permissions=permissions)
        return made["token"]


@pytest.fixture(scope="module", params=["sync", "async"])
def service(live: Live, request: pytest.FixtureRequest) -> Iterator[Service]:
    token, key = token_with(live, "introspect"), DPoPKey.generate()
    with contextlib.ExitStack() as stack:
        managing = stack.enter_context(live.client())
        if request.param == "sync":
            client = stack.enter_context(RestClient(live.project_id, token, live.host))
            verifier = stack.enter_context(Verifier(client, realm="api"))
            pool = stack.enter_context(ThreadPoolExecutor(110))

            def accepted(tokens: list[str]) -> list[str]:
                return [
                    one for one, good in zip(tokens, pool.map(is_good, tokens), strict=True) if good
                ]

            def is_good(token: str) -> bool:
                return service.is_accepted(token)

            service = Service(verifier.verify, verifier, accepted, managing, live, key)
            yield service
            return
        runner = stack.enter_context(asyncio.Runner())
        other = AsyncRestClient(live.project_id, token, live.host)
        verifying = AsyncVerifier(other, realm="api")
        verifying.start()

        def verify(*arguments: Any, **named: Any) -> VerifiedToken:
            return runner.run(verifying.verify(*arguments, **named))

        async def gathered(tokens: list[str]) -> list[str]:
            verifications = [verifying.verify(one) for one in tokens]
            found = await asyncio.gather(*verifications, return_exceptions=True)
            return [
                one
                for one, verified in zip(tokens, found, strict=True)
                if isinstance(verified, VerifiedToken)
            ]

        def accepted_at_once(tokens: list[str]) -> list[str]:
            return runner.run(gathered(tokens))

        yield Service(verify, verifying, accepted_at_once, managing, live, key)
        runner.run(verifying.close())
        runner.run(other.close())


@pytest.fixture
def ready(service: Service) -> Service:
    """The service, once the feed is up to date."""
    wait_until(lambda: service.verifier.state.feed.is_current, "the feed")
    return service


# What is good


def test_token_is_verified_and_the_answer_kept(ready: Service) -> None:
    pair = ready.sign_in("good")
    verified = ready.verify(pair["token"], scope="sat:refresh")
    said = ready.managing.satmint.tokens.introspect(token=pair["token"])
    assert verified == VerifiedToken(
        subscriber=pair["subscriber_id"],
        project=ready.live.project_id,
        session=said["session_id"],
        kind="subscriber",
        scope=frozenset({"sat:refresh"}),
        addresses=None,
        expiry=said["exp"],
        jkt=None,
    )
    before = ready.verifier.state.answers
    assert ready.verify(pair["token"], scope=["sat:refresh"], address="any") == verified
    after = ready.verifier.state.answers
    assert (after.hits - before.hits, after.misses - before.misses) == (1, 0)


def test_bound_token_is_verified_with_a_proof_for_each_request(ready: Service) -> None:
    token = ready.bound()
    for method, url in (("GET", URL), ("POST", URL), ("GET", f"{URL}?page=2"), ("delete", URL)):
        proof = ready.key.http_proof(method.upper(), url, access_token=token)
        verified = ready.verify(token, proof=proof, method=method, url=url)
        assert verified.jkt == ready.key.thumbprint


def test_guest_is_good_for_its_addresses(ready: Service) -> None:
    one, *_ = ready.live.addresses
    guest = ready.managing.fabric.tokens.create_guest_token(allowed_addresses=[one])["token"]
    verified = ready.verify(guest, address=one)
    assert (verified.kind, verified.addresses) == ("guest", (one,))
    refused = ready.refusal(guest, address="another")
    assert (refused.cause, refused.status) == (RefusalCause.ADDRESS_NOT_ALLOWED, 403)
    assert 'error="insufficient_scope"' in refused.challenge


# What is not


def bearer(error: str) -> str:
    return f'Bearer realm="api", error="{error}", error_description="'


def dpop(error: str) -> str:
    return f'DPoP realm="api", error="{error}", error_description="'


@pytest.mark.parametrize(
    "text",
    ["", "x", "a.b.c", "a.b.c.d.e.f", "ü.b.c.d.e", "\ud800", " ", "a" * 100_000, "a..b..c", "\0"],
)
def test_garbage_is_refused_without_a_question(ready: Service, text: str) -> None:
    before = ready.verifier.state.answers
    refused = ready.refusal(text)
    assert (refused.cause, refused.status) == (RefusalCause.TOKEN_MALFORMED, 401)
    assert refused.headers["WWW-Authenticate"].startswith(bearer("invalid_token"))
    assert refused.headers["Cache-Control"] == "no-store"
    assert ready.verifier.state.answers.refused == before.refused


def test_foreign_and_spoiled_tokens_and_refresh_tokens_are_inactive(ready: Service) -> None:
    pair = ready.sign_in("spoiled")
    good = pair["token"]
    for token in (token_of(1), token_of(2, 8000), pair["refresh_token"], good[:-4] + "AAAA"):
        for _ in range(2):  # the second time it is kept
            refused = ready.refusal(token)
            assert (refused.cause, refused.status) == (RefusalCause.TOKEN_INACTIVE, 401)
            assert refused.challenge.startswith(bearer("invalid_token"))
            assert token[-30:] not in repr(refused) + str(refused) + refused.challenge
    assert ready.is_accepted(good)


def test_long_invented_tokens_spoil_no_question_of_others(ready: Service) -> None:
    """A hundred of them would be larger than what the server reads."""
    good = [ready.sign_in(f"among-many-{number}")["token"] for number in range(2)]
    bad = [token_of(number, 8000) for number in range(100)]
    assert ready.accepted([*bad, *good]) == good


def test_each_fault_of_scope_and_proof(ready: Service) -> None:
    plain, token, key = ready.sign_in("faults")["token"], ready.bound(), ready.key
    good = key.http_proof("GET", URL, access_token=token)
    elsewhere = key.http_proof("GET", f"{URL}0", access_token=token)
    post = key.http_proof("POST", URL, access_token=token)
    unhashed = key.http_proof("GET", URL)
    of_another_token = key.http_proof("GET", URL, access_token=plain)
    other_key = DPoPKey.generate().http_proof("GET", URL, access_token=token)
    old = key.http_proof("GET", URL, access_token=token, issued_at=1_000_000_000)
    spoiled = good[:-8] + ("AAAAAAAA" if not good.endswith("AAAAAAAA") else "BBBBBBBB")
    rpc = key.rpc_proof("signalwire.connect")
    cause = RefusalCause
    cases: list[tuple[RefusalCause, str, str, dict[str, Any]]] = [
        (cause.SCOPE_MISSING, bearer("insufficient_scope"), plain, {"scope": "sat:refresh admin"}),
        (cause.TOKEN_NOT_BOUND, bearer("invalid_token"), plain, {"proof": good, **GET}),
        (cause.PROOF_MISSING, dpop("invalid_token"), token, GET),
        (cause.PROOF_MISSING, dpop("invalid_token"), token, {}),
        (cause.PROOF_MALFORMED, dpop("invalid_dpop_proof"), token, {"proof": "", **GET}),
        (cause.PROOF_MALFORMED, dpop("invalid_dpop_proof"), token, {"proof": "ü.x.x", **GET}),
        (cause.PROOF_MALFORMED, dpop("invalid_dpop_proof"), token, {"proof": token, **GET}),
        (cause.PROOF_JSON, dpop("invalid_dpop_proof"), token, {"proof": "AAAA.AAAA.AAAA", **GET}),
        (cause.PROOF_TYPE, dpop("invalid_dpop_proof"), token, {"proof": "e30.e30.AAAA", **GET}),
        (cause.PROOF_SIGNATURE, dpop("invalid_dpop_proof"), token, {"proof": spoiled, **GET}),
        (cause.PROOF_CLAIMS, dpop("invalid_dpop_proof"), token, {"proof": rpc, **GET}),
        (cause.PROOF_TARGET, dpop("invalid_dpop_proof"), token, {"proof": elsewhere, **GET}),
        (cause.PROOF_TARGET, dpop("invalid_dpop_proof"), token, {"proof": post, **GET}),
        (cause.PROOF_TIME, dpop("invalid_dpop_proof"), token, {"proof": old, **GET}),
        (cause.PROOF_ATH, dpop("invalid_dpop_proof"), token, {"proof": unhashed, **GET}),
        (cause.PROOF_ATH, dpop("invalid_dpop_proof"), token, {"proof": of_another_token, **GET}),
        (cause.PROOF_KEY_MISMATCH, dpop("invalid_token"), token, {"proof": other_key, **GET}),
    ]
    for expected, challenge, presented, wanted in cases:
        refused = ready.refusal(presented, **wanted)
        assert refused.cause is expected, wanted
        assert refused.status == (403 if expected is cause.SCOPE_MISSING else 401), expected
        assert refused.challenge.startswith(challenge), expected
        shown = repr(refused) + str(refused) + refused.challenge
        assert not any(secret[-20:] in shown for secret in (presented, good)), expected
        if challenge.startswith("DPoP"):
            assert 'algs="ES256 RS256 PS256 EdDSA Ed25519"' in refused.challenge
        again = copy.copy(refused)  # as pickling does
        assert (again.cause, again.challenge) == (refused.cause, refused.challenge)
    assert ready.refusal(plain, scope="admin").skew is None
    assert 'scope="admin sat:refresh"' in ready.refusal(plain, scope="sat:refresh admin").challenge
    skew = ready.refusal(token, proof=old, **GET).skew
    assert skew is not None
    assert skew < -300
    # None of these has used the good proof up; it is good once.
    assert ready.verify(token, proof=good, **GET).jkt == key.thumbprint
    assert ready.refusal(token, proof=good, **GET).cause is cause.PROOF_REPLAYED
    assert ready.refusal(token, proof=good, method="GET", url=f"{URL}?again").cause is (
        cause.PROOF_REPLAYED
    )


def test_proof_without_method_or_url_is_a_mistake_of_the_program(ready: Service) -> None:
    for wanted in ({"method": "GET"}, {"url": URL}, {}):
        with pytest.raises(ValueError, match="give both"):
            ready.verify("x", proof="x", **wanted)


def test_nothing_shows_a_token_or_a_proof(ready: Service) -> None:
    token = ready.sign_in("hidden")["token"]
    ready.verify(token)
    shown = repr(ready.verifier) + repr(ready.verifier.state) + repr(vars(ready.verifier))
    assert token not in shown
    assert token[-20:] not in shown
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(ready.verifier)


# What ends


def by_session(service: Service, pair: Any) -> None:
    said = service.managing.satmint.tokens.introspect(token=pair["token"])
    service.managing.satmint.sessions.revoke(said["session_id"])


def by_token(service: Service, pair: Any) -> None:
    service.managing.satmint.tokens.revoke(token=pair["refresh_token"])


def by_subscriber(service: Service, pair: Any) -> None:
    service.managing.satmint.sessions.revoke_all(pair["subscriber_id"])


def by_deletion(service: Service, pair: Any) -> None:
    service.managing.fabric.subscribers.delete(pair["subscriber_id"])


def by_reuse(service: Service, pair: Any) -> None:
    refresh = service.managing.fabric.tokens.refresh_subscriber_token
    second = refresh(refresh_token=pair["refresh_token"])["refresh_token"]
    refresh(refresh_token=second)
    with contextlib.suppress(Exception):
        refresh(refresh_token=pair["refresh_token"])


@pytest.mark.parametrize("end", [by_session, by_token, by_subscriber, by_deletion, by_reuse])
def test_ended_token_is_refused_and_others_stay(
    ready: Service, end: Callable[[Service, Any], None]
) -> None:
    pair, other = ready.sign_in(f"ends-{end.__name__}"), ready.sign_in("stays")
    assert ready.is_accepted(pair["token"])
    assert ready.is_accepted(other["token"])
    end(ready, pair)
    wait_until(lambda: not ready.is_accepted(pair["token"]), "the refusal")
    assert ready.is_accepted(other["token"])
    refused = ready.refusal(pair["token"])
    assert refused.cause is RefusalCause.TOKEN_INACTIVE


def test_deleted_address_ends_tokens_that_name_it(ready: Service) -> None:
    address = ready.managing.satmint.addresses.create(name="to-be-deleted", type="room")
    guest = ready.managing.fabric.tokens.create_guest_token(allowed_addresses=[address["id"]])
    assert ready.is_accepted(guest["token"])
    ready.managing.satmint.addresses.delete(address["id"])
    wait_until(lambda: not ready.is_accepted(guest["token"]), "the refusal")


def test_after_the_subscriber_was_revoked_new_tokens_are_kept(ready: Service) -> None:
    pair = ready.sign_in("epochs")
    ready.verify(pair["token"])
    told = ready.verifier.state.feed.revocations
    ready.managing.satmint.sessions.revoke_all(pair["subscriber_id"])
    fresh = ready.sign_in("epochs")["token"]
    ready.verify(fresh)
    wait_until(lambda: ready.verifier.state.feed.revocations > told, "the event")
    before = ready.verifier.state.answers.misses
    ready.verify(fresh)
    assert ready.verifier.state.answers.misses <= before + 1
    assert not ready.is_accepted(pair["token"])


# What cannot be asked


def test_permission_that_is_missing_and_a_deleted_api_token_cannot_verify(live: Live) -> None:
    with live.client() as managing:
        good = managing.fabric.tokens.create_subscriber_token(reference="whom")["token"]
        for token in (token_with(live, "calling"), "PTno-such-token"):
            with (
                RestClient(live.project_id, token, live.host) as client,
                Verifier(client) as verifier,
            ):
                with pytest.raises(CannotVerify) as failed:
                    verifier.verify(good)
                assert (failed.value.permanent, failed.value.status) == (True, 503)
                assert failed.value.headers["Retry-After"] == "1"
                assert good not in str(failed.value)
                assert token not in str(failed.value)
                wait_until(lambda one=verifier: one.state.feed.error, "an error")  # type: ignore[misc]
                assert not verifier.state.feed.is_current


def test_server_that_is_not_there_cannot_verify() -> None:
    with (
        RestClient("p", "t", "127.0.0.1:1") as client,
        Verifier(client, stale_seconds=60) as verifier,
    ):
        for _ in range(2):
            with pytest.raises(CannotVerify) as failed:
                verifier.verify(token_of(1))
            assert not failed.value.permanent
        assert verifier.state.answers.kept == 0


def test_closed_verifier_verifies_nothing(live: Live) -> None:
    with live.client() as client:
        with Verifier(client) as verifier:
            wait_until(lambda: verifier.state.feed.is_current, "the feed")
            thread = verifier._feed._thread
        verifier.close()
        assert thread is not None
        wait_until(lambda: not thread.is_alive(), "the end of the thread")
        for use in (lambda: verifier.verify(token_of(1)), verifier.start):
            with pytest.raises(RuntimeError, match="closed"):
                use()


def test_closed_verifier_is_opened_again_and_knows_nothing(live: Live) -> None:
    with live.client() as client, Verifier(client) as verifier:
        token = client.fabric.tokens.create_subscriber_token(reference="again")["token"]
        for _ in range(2):
            with verifier:
                assert verifier.state.answers.kept == 0
                wait_until(lambda: verifier.state.feed.is_current, "the feed")
                assert verifier.verify(token).kind == "subscriber"
                assert verifier.state.answers.kept == 1


async def test_closed_async_verifier_is_opened_again(live: Live) -> None:
    async with live.async_client() as client:
        made = await client.fabric.tokens.create_subscriber_token(reference="again")
        verifier = AsyncVerifier(client)
        for _ in range(2):
            async with verifier:
                assert (await verifier.verify(made["token"])).kind == "subscriber"


def test_verifier_that_is_closed_at_once_leaves_no_thread(live: Live) -> None:
    with live.client() as client:
        for _ in range(10):
            verifier = Verifier(client)
            verifier.start()
            thread = verifier._feed._thread
            verifier.close()
            assert thread is not None
            wait_until(lambda one=thread: not one.is_alive(), "the end")  # type: ignore[misc]


@pytest.mark.parametrize(
    "options",
    [
        {"kept_answers": 0},
        {"stale_seconds": -1},
        {"max_proof_age": 0},
        {"max_proof_ahead": -1},
        {"realm": "\n"},
        {"realm": "é"},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="must be"):
        Verifier(RestClient("p", "t", "localhost"), clock=clock, **options)
