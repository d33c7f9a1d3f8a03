"""Where a client speaks to, and as whom."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest

from satmint_sdk._secrets import SecretText
from satmint_sdk.credentials import EmbedTokenCredentialProvider
from satmint_sdk.rest import RestClient
from satmint_sdk.rest._endpoint import client_endpoint, parse_endpoint


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost", "http://localhost"),
        ("LOCALHOST:1", "http://LOCALHOST:1"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("[::1]", "http://[::1]"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("::1", "http://[::1]"),
        ("example.signalwire.com", "https://example.signalwire.com"),
        ("example.test:8443", "https://example.test:8443"),
        ("fabric.localhost:8443", "https://fabric.localhost:8443"),
        ("127.0.0.1.example.test", "https://127.0.0.1.example.test"),
        ("127.0.0.2", "https://127.0.0.2"),
        ("localhost.example.test", "https://localhost.example.test"),
        ("[2001:db8::1]:443", "https://[2001:db8::1]:443"),
    ],
)
def test_only_this_machine_is_spoken_to_in_clear(host: str, url: str) -> None:
    endpoint = parse_endpoint(host, environ={})
    assert endpoint.base_url == url
    assert endpoint.loopback is (url.startswith("http://") or "fabric.localhost" in url)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "https://example.test",
        "example.test/",
        "example.test/path",
        "user@example.test",
        "localhost@example.test",
        "localhost#.example.test",
        "localhost\\.example.test",
        "example.test:port",
        "example.test:99999",
        "example.test\r\nhost: evil.test",
        "exämple.test",
        " example.test",
    ],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_endpoint(host, environ={})
    assert str(refused.value) == "host must be a host name, with or without a port, not a URL"


def test_missing_arguments_come_from_the_environment() -> None:
    environ = {
        "SIGNALWIRE_PROJECT_ID": "project-1",
        "SIGNALWIRE_API_TOKEN": "PTsecret",
        "SIGNALWIRE_SPACE": "127.0.0.1:8080",
    }
    endpoint = client_endpoint(None, None, None, None, environ)
    assert endpoint.base_url == "http://127.0.0.1:8080"
    assert endpoint.authorization is not None
    scheme, _, pair = endpoint.authorization.reveal().partition(" ")
    assert (scheme, b64decode(pair)) == ("Basic", b"project-1:PTsecret")
    assert "PTsecret" not in repr(endpoint)


def test_an_argument_goes_before_the_environment() -> None:
    environ = {"SIGNALWIRE_SPACE": "example.test"}
    assert (
        client_endpoint("p", SecretText("t"), "localhost", None, environ).base_url
        == "http://localhost"
    )


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError) as refused:
        RestClient(project="p")
    assert str(refused.value) == (
        "missing: token (or SIGNALWIRE_API_TOKEN), host (or SIGNALWIRE_SPACE)"
    )


def test_a_colon_in_the_project_would_move_into_the_token() -> None:
    with pytest.raises(ValueError) as refused:
        RestClient("p:q", "t", "localhost")
    assert str(refused.value) == "project must not contain a colon"


def test_a_bundle_that_is_not_there_is_noticed_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as refused:
        parse_endpoint(
            "example.test", environ={"SIGNALWIRE_REST_CA_FILE": str(tmp_path / "none.pem")}
        )
    assert str(refused.value) == "SIGNALWIRE_REST_CA_FILE does not name a file"


@pytest.mark.parametrize(
    "spoilt", ["{}\n", "{}\r\n", " {}", "{}\t", "a\n{}", "a {}", "{}\0", "\ufeff{}"]
)
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("from_environment", [False, True])
def test_blanks_and_newlines_are_refused_before_anything_is_sent(
    spoilt: str, place: int, *, from_environment: bool
) -> None:
    """As `$(cat file)` never adds one, and reading a file in a program always does."""
    given = ["project-1", "PTsecret", "localhost"]
    given[place] = spoilt.format(given[place])
    variables = ("SIGNALWIRE_PROJECT_ID", "SIGNALWIRE_API_TOKEN", "SIGNALWIRE_SPACE")
    environ = dict(zip(variables, given, strict=True))
    project, token, host = (None, None, None) if from_environment else given
    with pytest.raises(ValueError) as refused:
        client_endpoint(project, SecretText(token or ""), host, None, environ)
    name = variables[place] if from_environment else ("project", "token", "host")[place]
    assert str(refused.value).startswith(f"{name} ")
    assert "secret" not in str(refused.value)


def test_an_embed_token_with_a_newline_is_refused_as_well() -> None:
    with pytest.raises(ValueError) as refused:
        EmbedTokenCredentialProvider("localhost", "c2c_secret\n")
    assert str(refused.value) == "embed_token has a newline or blanks around it: strip it"
