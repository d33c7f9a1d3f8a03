"""No frame of a traceback, and no object that is left behind, shows a token or a password.

Reporters of errors (cgitb, rich, pytest, Sentry) show the variables of every frame.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import pytest

from satmint_sdk.rest import AsyncRestClient, RequestOptions, RestClient

TOKEN, PASSWORD = "PThush-hush", "sesame-open"
HIDDEN = ("hush", "sesame")


def frames_of(error: BaseException) -> Iterator[FrameType]:
    """Every frame of an error and of those behind it, but for those of this file."""
    behind: BaseException | None = error
    while behind is not None:
        trace = behind.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename != __file__:
                yield trace.tb_frame
            trace = trace.tb_next
        behind = behind.__cause__ or behind.__context__


def shown_by(work: Callable[[], object]) -> str:
    """The text of the error that `work` raises, with the variables of its frames."""
    with pytest.raises(BaseException) as raised:
        work()
    error = raised.value
    shown = [str(error), repr(error)]
    for frame in frames_of(error):
        shown += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
    return "\n".join(shown)


def refuse(shown: str) -> None:
    for line in shown.splitlines():
        assert not any(secret in line for secret in HIDDEN), line


CONSTRUCTORS: list[dict[str, Any]] = [
    {"host": "https://not-a-host"},
    {"host": 5},
    {"project": None},
    {"project": "with:colon"},
    {"project": 5},
    {"token": f"{TOKEN}\n"},
    {"token": f"{TOKEN}\n".encode()},
    {"host": None},
    {"verify": "/no/such/file"},
    {"verify": 5},
    {"application": "two words"},
    {"application": 5},
    {"transport": 5},
    {"proxy": f"gopher://me:{PASSWORD}@proxy"},
    {"proxy": f"http://me:{PASSWORD}@:80"},
    {"proxy": 5, "cert": ("file", "key", PASSWORD)},
    {"cert": ("file", "key", PASSWORD), "host": "no host"},
]


@pytest.mark.parametrize("kind", [RestClient, AsyncRestClient])
@pytest.mark.parametrize("given", CONSTRUCTORS, ids=lambda given: str(sorted(given)))
def test_a_constructor_that_fails_shows_no_secret(
    kind: type[Any], given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNRELATED", PASSWORD)  # frames show the environment, too
    arguments = {"project": "p", "token": TOKEN, "host": "example.test"} | given
    refuse(shown_by(lambda: kind(**arguments)))


@pytest.mark.parametrize("kind", [RestClient, AsyncRestClient])
def test_a_token_of_the_environment_is_not_shown_either(
    kind: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", f"{TOKEN} ")
    monkeypatch.setenv("HTTPS_PROXY", f"gopher://me:{PASSWORD}@proxy")
    refuse(shown_by(lambda: kind("p", host="example.test")))
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", TOKEN)
    refuse(shown_by(lambda: kind("p", host="example.test")))


@pytest.mark.parametrize("kind", [RestClient, AsyncRestClient])
def test_an_object_whose_constructor_failed_has_a_repr(kind: type[Any]) -> None:
    with pytest.raises(ValueError):
        kind("p", TOKEN, "https://not-a-host")
    left = [found for found in gc.get_objects() if type(found) is kind]
    assert TOKEN not in repr(left)
    assert repr(object.__new__(kind)) == f"<{kind.__name__} of nothing>"


def broken(error: BaseException) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"]
        raise error

    return answer


def garbled(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text='{"token": "eyJhbGciOiJkaXIhush')


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("fabric.subscribers.update", {"resource_id": "..", "password": PASSWORD}),
    ("fabric.subscribers.update", {"resource_id": 5, "password": PASSWORD}),
    ("fabric.subscribers.create", {"email": "a@b.c", "password": PASSWORD, "unknown": 1}),
    ("fabric.subscribers.create", {"email": float("nan"), "password": PASSWORD}),
    ("fabric.subscribers.create", {"email": object, "password": PASSWORD}),
    ("fabric.tokens.create_subscriber_token", {"reference": "a", "scope": 5, "password": PASSWORD}),
    ("fabric.tokens.refresh_subscriber_token", {"refresh_token": PASSWORD, "extras": 5}),
    ("request", {"method": "POST", "path": "no", "body": {"password": PASSWORD}}),
]


@pytest.mark.parametrize(("name", "given"), CALLS, ids=lambda value: str(value)[:30])
def test_a_call_that_is_refused_before_it_is_sent_shows_no_secret(
    name: str, given: dict[str, Any]
) -> None:
    wire = httpx.MockTransport(lambda _: httpx.Response(200, json={}))
    refuse(shown_by(lambda: method_of(RestClient("p", TOKEN, "h", transport=wire), name)(**given)))
    other = AsyncRestClient("p", TOKEN, "h", transport=wire)
    refuse(shown_by(lambda: asyncio.run(method_of(other, name)(**given))))


@pytest.mark.parametrize(
    "answer",
    [
        broken(httpx.ReadError("lost")),
        broken(OSError("lost")),
        broken(RuntimeError("a bug of a transport")),
        broken(KeyboardInterrupt()),
        lambda _: httpx.Response(422, json={"errors": []}),
        garbled,
    ],
    ids=["lost", "os", "bug", "interrupt", "refused", "garbled"],
)
def test_a_call_that_fails_shows_no_secret(
    answer: Callable[[httpx.Request], httpx.Response],
) -> None:
    wire = httpx.MockTransport(answer)
    client = RestClient("p", TOKEN, "h", RequestOptions(retries=0), transport=wire)
    given: dict[str, Any] = {"email": "a@b.c", "password": PASSWORD}
    shown = shown_by(lambda: client.fabric.subscribers.create(**given))
    refuse(shown)
    other = AsyncRestClient("p", TOKEN, "h", transport=wire)

    async def run() -> None:
        await other.fabric.subscribers.create(**given)

    refuse(shown_by(lambda: asyncio.run(run())))


def test_a_certificate_that_cannot_be_read_shows_no_password(tmp_path: Path) -> None:
    file = tmp_path / "cert.pem"
    file.write_text("none")
    cert = (str(file), str(file), PASSWORD)
    client = RestClient("p", TOKEN, "example.test", cert=cert)
    refuse(shown_by(client.fabric.addresses.list))


def method_of(client: Any, name: str) -> Callable[..., Any]:
    found = client
    for part in name.split("."):
        found = getattr(found, part)
    method: Callable[..., Any] = found
    return method
