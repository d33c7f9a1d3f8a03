"""What a text is that is no Click-to-Call token, by its form alone."""

import json
from base64 import urlsafe_b64encode

import pytest

from satmint.flows.token_forms import remedy_of
from tests.kit.service import Server

ENCRYPTED = "this is an encrypted token (JWE). Exchange the Click-to-Call token of the page"


def a_jwe(header: object) -> str:
    return with_header(json.dumps(header))


def with_header(text: str) -> str:
    """An encrypted token, whose header is all that is looked at."""
    return f"{urlsafe_b64encode(text.encode()).decode().rstrip('=')}.a.b.c.d"


async def test_token_of_this_server_is_named_by_its_kind(server: Server) -> None:
    pair = await server.sign_in()
    sat, refresh = remedy_of(pair["token"]), remedy_of(pair["refresh_token"])
    project = remedy_of(server.tenant.api_token)
    assert sat is not None
    assert sat.startswith("this is a SAT")
    assert refresh is not None
    assert refresh.startswith("this is a refresh token")
    assert project is not None
    assert project.startswith("this is an API token")


@pytest.mark.parametrize(
    "text",
    [
        a_jwe({"typ": "JWT"}),
        a_jwe({}),
        a_jwe([]),
        a_jwe({"typ": ["SAT"]}),
        "%.a.b.c.d",
        with_header("not json"),
        "....",
    ],
)
def test_encrypted_token_of_somebody_else_is_named_as_one(text: str) -> None:
    assert remedy_of(text) == ENCRYPTED


@pytest.mark.parametrize("text", ["", "c2c_0123", "a.b.c.d", "a.b.c.d.e.f", "a.b.c"])
def test_text_of_no_known_form_has_no_remedy(text: str) -> None:
    assert remedy_of(text) is None
