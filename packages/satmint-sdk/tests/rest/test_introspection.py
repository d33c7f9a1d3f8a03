"""What Python's own tools see of a client is what its caller sees."""

from __future__ import annotations

import inspect
import logging
import pydoc
import types
from collections.abc import Callable
from typing import Any, get_type_hints
from unittest import mock

import pytest

import satmint_sdk
import satmint_sdk.rest
from kit.clients import async_client_of, client_of
from kit.service import FakeTokenService
from satmint_sdk.rest import AsyncRestClient, RequestOptions, RestClient
from satmint_sdk.rest.types import TokenPair


def methods_of(client: object, above: str = "") -> dict[str, Callable[..., Any]]:
    """Every public method of a client and of the groups below it, by its dotted name."""
    found: dict[str, Callable[..., Any]] = {}
    for name in dir(client):
        if name.startswith("__"):
            continue
        value = getattr(client, name)
        if inspect.ismethod(value):
            found[above + name] = value
        elif type(value).__module__.startswith("satmint_sdk.rest._") and not above.count(".") > 2:
            found |= methods_of(value, f"{above}{name}.")
    return found


SYNC = methods_of(RestClient("p", "t", "localhost"))
ASYNC = methods_of(AsyncRestClient("p", "t", "localhost"))
NOT_AWAITED = {name for name in SYNC if name.rpartition(".")[2].startswith(("paginate", "listen"))}


def test_both_clients_have_the_same_methods() -> None:
    assert SYNC.keys() == ASYNC.keys()
    assert "fabric.tokens.create_subscriber_token" in SYNC
    assert len(SYNC) >= 20


@pytest.mark.parametrize("name", sorted(SYNC))
def test_methods_are_functions_and_coroutine_functions(name: str) -> None:
    assert isinstance(SYNC[name].__func__, types.FunctionType)  # type: ignore[attr-defined]
    assert not inspect.iscoroutinefunction(SYNC[name])
    assert inspect.iscoroutinefunction(ASYNC[name]) is (name not in NOT_AWAITED)
    assert SYNC[name].__name__ == ASYNC[name].__name__ == name.rpartition(".")[2]
    assert inspect.getdoc(SYNC[name]) == inspect.getdoc(ASYNC[name]) is not None


@pytest.mark.parametrize("name", sorted(SYNC.keys() - {"close"}))
def test_signatures_are_those_of_a_caller(name: str) -> None:
    sync, other = inspect.signature(SYNC[name]), inspect.signature(ASYNC[name])
    assert sync.parameters == other.parameters
    assert "self" not in sync.parameters
    assert all(
        one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD)
        for one in sync.parameters.values()
    )
    assert "Call[" not in str(sync)
    assert "return" in get_type_hints(SYNC[name]), get_type_hints(ASYNC[name])


def help_of(value: object) -> str:
    """What `help` writes, without the breaks that Python 3.13 puts into a long signature."""
    return "".join(pydoc.plain(pydoc.render_doc(value)).split()).replace("|", "")


def test_help_reads_as_the_method_is_called() -> None:
    signature = (
        "refresh_subscriber_token(self, *, refresh_token: str, extras: Extras | None = None,"
        " request_options: RequestOptions | None = None) -> TokenPair"
    )
    signature = signature.replace(" ", "").replace("|", "")
    assert signature in help_of(RestClient("p", "t", "h").fabric.tokens)
    assert f"async{signature}" in help_of(AsyncRestClient("p", "t", "h").fabric.tokens)


def test_type_hints_are_those_of_the_answer() -> None:
    method = RestClient("p", "t", "h").fabric.tokens.refresh_subscriber_token
    assert get_type_hints(method)["return"] is TokenPair


@pytest.mark.parametrize("kind", [RestClient, AsyncRestClient])
async def test_a_mock_with_the_clients_spec_is_called_as_the_client_is(kind: type[Any]) -> None:
    for client in (
        mock.create_autospec(kind, instance=True),
        mock.create_autospec(kind).return_value,
        mock.create_autospec(kind("p", "t", "localhost")),
    ):
        tokens = client.fabric.tokens
        tokens.refresh_subscriber_token.return_value = {"token": "t"}
        answer = tokens.refresh_subscriber_token(refresh_token="r")
        assert (await answer if kind is AsyncRestClient else answer) == {"token": "t"}
        with pytest.raises(TypeError):
            tokens.refresh_subscriber_token(token="r")
        with pytest.raises(AttributeError):
            _ = tokens.refresh_token


def test_nothing_private_is_listed() -> None:
    client = RestClient("p", "t", "localhost")
    for thing in (client, client.fabric, client.fabric.tokens, satmint_sdk.rest, satmint_sdk):
        private = [name for name in dir(thing) if name.startswith("_") and not name.endswith("__")]
        assert private == [], thing
    assert "__version__" in dir(satmint_sdk)


def test_a_client_of_ones_own_keeps_its_methods(service: FakeTokenService) -> None:
    class Mine(RestClient):
        def sign_in(self) -> str:
            return self.fabric.tokens.create_subscriber_token(reference="a")["token"]

    account = client_of(service)
    mine = Mine("p", "t", "localhost", transport=lambda: service)
    mine._driver = account._driver
    assert mine.sign_in()
    assert inspect.signature(mine.request) == inspect.signature(account.request)


async def test_the_last_response_is_that_of_this_client_in_this_task(
    service: FakeTokenService,
) -> None:
    client, other = client_of(service), async_client_of(service)
    assert [client.last_response, other.last_response] == [None, None]
    client.fabric.tokens.create_subscriber_token(reference="alice")
    seen = client.last_response
    assert seen is not None
    assert (seen.status_code, seen.request_id, seen.attempts) == (200, "req-1", 1)
    assert (seen.method, seen.path) == ("POST", "/api/fabric/subscribers/tokens")
    assert seen.headers["Date"]
    await other.fabric.tokens.create_subscriber_token(reference="bob")
    assert other.last_response is not None
    assert other.last_response is not seen is client.last_response


def test_a_retry_is_logged_quietly(
    service: FakeTokenService, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(service, RequestOptions(retries=1))
    service.refuse(503, 1)
    with caplog.at_level(logging.INFO, "satmint_sdk"):
        client.fabric.tokens.create_subscriber_token(reference="alice")
    (record,) = [record for record in caplog.records if record.name == "satmint_sdk.rest"]
    assert record.levelno == logging.INFO  # shown only to those who ask for it
    assert record.getMessage() == (
        "POST /api/fabric/subscribers/tokens: attempt 1 of 2 was answered 503;"
        " the next one in 0.5 s"
    )
    assert client.last_response is not None
    assert client.last_response.attempts == 2
