"""Who may have a bad day: this machine's developer, on a development server, and nobody else."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from satmint.assembly import api_description
from satmint.control import control_operations
from satmint.http.operations import Authentication
from satmint.http.resources import OPERATIONS
from satmint.model.permissions import Permission
from tests.http.answer_contract import plain
from tests.kit.controlled_server import DEV, Controlled, a_controlled
from tests.kit.dev import clean_environment
from tests.kit.service import BASE_URL, Server, a_tenant
from tests.kit.serving import running_serve

REFERENCE: Final = ("/reference/dev", "/reference/dev.json")
PLACES: Final = (
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "/clock"),
    ("DELETE", "/clock"),
    ("POST", "/faults"),
    ("DELETE", "/faults"),
    ("DELETE", "/faults/{id}"),
    ("DELETE", "/project"),
    ("DELETE", "/sockets"),
    ("POST", "/expire"),
)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Controlled]:
    async with a_controlled(tmp_path) as server:
        yield server


async def asked(server: Controlled, headers: dict[str, str]) -> httpx.Response:
    return await server.client.get(DEV, headers=headers, auth=server.tenant.auth)


# --- from this machine ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:8080"},
        {"Host": "puc.localhost:8443"},
        {"Host": "[::1]:8080"},
        {"Host": "LOCALHOST"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://127.0.0.1:8080"},
        {"Origin": "https://app.localhost"},
    ],
)
async def test_programs_and_pages_of_this_machine_are_let_in(
    server: Controlled, headers: dict[str, str]
) -> None:
    assert (await asked(server, headers)).status_code == 200


HOSTILE: Final = [
    pytest.param({"Origin": "https://evil.example"}, id="another origin asks by script"),
    pytest.param({"Origin": "null"}, id="a sandboxed frame asks by script"),
    pytest.param({"Origin": ""}, id="an origin that is none"),
    pytest.param({"Origin": "http://localhost.evil.example"}, id="an origin that begins like ours"),
    pytest.param({"Origin": "http://evil.example#@localhost"}, id="an origin that ends like ours"),
    pytest.param({"Origin": "http://localhost@evil.example"}, id="an origin with ours as its user"),
    pytest.param({"Origin": "http://evil@localhost"}, id="an origin with a user"),
    pytest.param({"Origin": "http://["}, id="an origin that breaks off in an IPv6 address"),
    pytest.param({"Origin": "localhost"}, id="a name in place of an origin"),
    pytest.param({"Host": "evil.example:8080"}, id="a name rebound to 127.0.0.1"),
    pytest.param({"Host": "127.0.0.1.evil.example"}, id="a name that begins like ours"),
    pytest.param({"Host": "evillocalhost"}, id="a name that ends like ours"),
    pytest.param({"Origin": "http://["}, id="of no origin that can be read"),
    pytest.param({"Origin": "http://localhost@evil.example"}, id="of an origin with a user"),
    pytest.param({"X-Forwarded-For": "127.0.0.1"}, id="through a tunnel"),
    pytest.param({"X-Forwarded-Host": "localhost"}, id="through a proxy"),
    pytest.param({"Forwarded": "for=127.0.0.1"}, id="through a proxy that follows RFC 7239"),
]


@pytest.mark.parametrize("headers", HOSTILE)
@pytest.mark.parametrize(("method", "path"), PLACES)
async def test_request_from_elsewhere_is_refused_even_with_credentials(
    server: Controlled, headers: dict[str, str], method: str, path: str
) -> None:
    armed = await server.arm(kind="lose_answer", operation="refresh-subscriber-token")
    moved = await server.move(frozen=True, advance=5)
    answer = await server.client.request(
        method,
        f"{DEV}{path}",
        headers=headers,
        auth=server.tenant.auth,
        json={"advance": 5, "kind": "lose_answer"} if method == "POST" else None,
    )
    plain(answer, 403)
    assert answer.headers["x-request-id"]
    state = await server.state()
    assert (state["faults"], state["clock"]) == ([armed], moved)


async def test_request_that_names_no_host_is_none(server: Controlled) -> None:
    answer = await server.client.post(
        f"{DEV}/clock", headers={"Host": ""}, auth=server.tenant.auth, json={"advance": 5}
    )
    plain(answer, 400)
    assert (await server.state())["clock"]["offset"] == 0


async def test_web_site_is_not_even_told_what_it_could_ask(server: Controlled) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    plain(await server.client.options(f"{DEV}/clock", headers=headers), 403)
    headers["Origin"] = "http://localhost:3000"
    answer = await server.client.options(f"{DEV}/clock", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-methods"] == "DELETE, OPTIONS, POST"


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "0.0.0.0"])
async def test_caller_at_another_address_is_turned_away(server: Controlled, address: str) -> None:
    transport = httpx.ASGITransport(app=server.app, client=(address, 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as elsewhere:
        plain(await elsewhere.get(DEV, auth=server.tenant.auth), 403)
    transport = httpx.ASGITransport(app=server.app, client=("::1", 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as here:
        assert (await here.get(DEV, auth=server.tenant.auth)).status_code == 200


@pytest.mark.parametrize(("method", "path"), PLACES)
async def test_control_endpoint_needs_management_credentials(
    server: Controlled, method: str, path: str
) -> None:
    plain(await server.client.request(method, f"{DEV}{path}"), 401)
    others = frozenset(Permission) - {Permission.MANAGEMENT}
    weak = await a_tenant(server.services, "weak", others)
    plain(await server.client.request(method, f"{DEV}{path}", auth=weak.auth), 401)
    pair = await server.sign_in()
    bearer = {"Authorization": f"Bearer {pair['token']}"}
    plain(await server.client.request(method, f"{DEV}{path}", headers=bearer), 401)


async def test_path_below_it_that_there_is_not_is_a_404(server: Controlled) -> None:
    for path in ("/", "/nothing", "/clock/", "/sessions"):
        plain(await server.client.get(DEV + path, auth=server.tenant.auth), 404)


# --- in production -------------------------------------------------------------------------------


async def test_application_of_production_knows_nothing_of_it(server: Controlled) -> None:
    """Neither do the descriptions, which are made of the same table."""
    assert not [one for one in OPERATIONS if one.tag == "Development"]
    described = api_description("https://sat.example.com")
    assert not [path for path in described["paths"] if path.startswith((DEV, "/reference/"))]
    assert "Development" not in [tag["name"] for tag in described["tags"]]
    plainly = Server(
        server.service,
        server.service.app("http://mint.test"),
        server.clock,
        server.client,
        server.tenant,
        server.database,
    )
    async with plainly.client_at("127.0.0.1") as client:
        for method, path in (*PLACES, *(("GET", page) for page in REFERENCE)):
            place = path if path in REFERENCE else f"{DEV}{path}"
            answer = await client.request(
                method, place, auth=server.tenant.auth, headers={"Host": "localhost"}
            )
            plain(answer, 404)


def test_serve_has_none_of_it(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "satmint", "keys", "init"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0
    with running_serve(tmp_path, "--cluster-host", "puc.example.com") as serving:
        with httpx.Client(base_url=serving.url, trust_env=False) as client:
            for method, path in PLACES:
                plain(client.request(method, f"{DEV}{path}"), 404)
            for page in REFERENCE:
                plain(client.get(page), 404)
        assert serving.stop() == 0


def test_serve_does_not_even_load_what_makes_it() -> None:
    """The room that moves clocks and loses answers is not in the process."""
    program = (
        "import sys, pkgutil, importlib, satmint.cli as cli\n"
        "for found in pkgutil.iter_modules(cli.__path__):\n"
        "    if found.name != 'dev':\n"
        "        importlib.import_module(f'satmint.cli.{found.name}')\n"
        "print([name for name in sys.modules if name.startswith('satmint.control')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


# --- its own table -------------------------------------------------------------------------------


async def test_its_operations_are_for_managers_and_have_names_of_their_own(
    server: Controlled,
) -> None:
    found = [
        operation
        for operation in control_operations(server.control, BASE_URL)
        if operation.path.startswith(DEV)
    ]
    assert {(one.method, one.path.removeprefix(DEV)) for one in found} == set(PLACES)
    assert {one.authentication for one in found} == {Authentication.API_TOKEN_MANAGEMENT}
    ids = [one.id for one in (*OPERATIONS, *found)]
    assert len(set(ids)) == len(ids)
    for one in found:
        fields = {} if one.body_schema is None else dict(one.body_schema.fields)
        assert all(field.doc.endswith((".", "`")) for field in fields.values()), one.id
