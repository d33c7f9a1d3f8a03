"""Secrets are planted everywhere; none of them is in a log, an error, a list or the database."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from satmint.http.operations import Operation
from satmint.http.resources import OPERATIONS
from tests.faults import requests_of_each_kind  # noqa: F401 - it fills SCENES
from tests.faults.scenes import ADDRESSES, PROJECT_TOKENS, SCENES, SUBSCRIBERS, Phase
from tests.kit.dev import DevServer, running_dev
from tests.kit.gateway import connect_to
from tests.kit.ports import free_port
from tests.kit.proofs import Signer
from tests.kit.service import REFRESH, TOKENS, Bearer, Json

MARK: Final = "zq7Hidden7qz"
"""Whatever a caller would not want to see again has this in it."""
PASSWORD: Final = f"{MARK}-password"
NOBODY: Final = "00000000-0000-4000-8000-000000000000"
SECRET_MEMBERS: Final = ("token", "refresh_token", "secret")


@dataclass
class Witness:
    """Hears everything that is said to a server and by it."""

    server: DevServer
    client: httpx.AsyncClient
    auth: httpx.BasicAuth
    secrets: set[str] = field(default_factory=set)
    overheard: dict[str, str] = field(default_factory=dict)
    """Bodies in which no secret may be, by what asked for them."""

    async def hear(self, answer: httpx.Response) -> None:
        await answer.aread()
        if answer.is_success and answer.request.method != "GET":
            self.secrets.update(secrets_of(answer))
        else:
            request = answer.request
            where = f"{answer.status_code} {request.method} {request.url.path}"
            self.overheard[f"{len(self.overheard)} {where}"] = answer.text

    def found_in(self, text: str) -> set[str]:
        return {secret for secret in self.secrets if secret in text}


def secrets_of(answer: httpx.Response) -> Iterator[str]:
    if answer.content:
        members = answer.json()
        found = (members[name] for name in SECRET_MEMBERS if members.get(name))
        yield from (text for text in found if "…" not in text)  # the mask of an API token


@pytest.fixture
async def witness(tmp_path: Path) -> AsyncIterator[Witness]:
    with running_dev(
        tmp_path, "--log-level", "debug", env={"SATMINT_ADMIN_PORT": str(free_port())}
    ) as server:
        user, api_token = server.auth
        auth = httpx.BasicAuth(user, api_token)
        async with httpx.AsyncClient(base_url=server["http"], timeout=30) as client:
            witness = Witness(server, client, auth)
            basic = b64encode(f"{user}:{api_token}".encode()).decode()
            witness.secrets |= {MARK, api_token, server["c2c_token"], basic}
            keyring = json.loads((tmp_path / "keyring.json").read_text())
            witness.secrets |= {key["k"] for key in keyring["keys"]}
            client.event_hooks = {"response": [witness.hear]}
            yield witness


async def do_everything(witness: Witness) -> None:
    addresses = [address["id"] for address in witness.server["addresses"]]
    for number, (name, scene) in enumerate(SCENES.items()):
        send = await scene.set_up(Phase(witness.client, witness.auth, addresses, number))
        assert (await send()).status_code == scene.status, name


async def set_passwords(witness: Witness) -> None:
    async def created(method: str, path: str, body: Json) -> Json:
        answer = await witness.client.request(method, path, json=body, auth=witness.auth)
        assert answer.is_success, answer.text
        return dict(answer.json())

    made = await created("POST", SUBSCRIBERS, {"email": "a@example.com", "password": PASSWORD})
    await created("PUT", f"{SUBSCRIBERS}/{made['id']}", {"password": PASSWORD + "2"})
    await created("POST", TOKENS, {"reference": "a@example.com", "password": PASSWORD + "3"})


async def show_bad_credentials(witness: Witness) -> None:
    for credentials in (
        MARK,
        f"Basic {MARK}",
        f"Basic {b64encode(f'{NOBODY}:{MARK}'.encode()).decode()}",
        f"Basic {b64encode(MARK.encode()).decode()}",
        f"Bearer {MARK}",
        f"Digest username={MARK}",
    ):
        witness.secrets.add(credentials.partition(" ")[2] or credentials)
        for path in ("/api/fabric/addresses", "/api/satmint/events"):
            headers = {"Authorization": credentials, "DPoP": MARK, "Cookie": MARK}
            assert (await witness.client.get(path, headers=headers)).status_code == 401


async def send_bad_bodies(witness: Witness, operation: Operation) -> None:
    assert operation.body_schema is not None
    auth: httpx.Auth = witness.auth
    if operation.authentication.requires_proof:
        asked = {"reference": "holder", "scope": "sat:refresh"}
        made = await witness.client.post(TOKENS, json=asked, auth=witness.auth)
        auth = Bearer(made.json()["token"])
    path = operation.path.replace("{id}", NOBODY).replace("{token_id}", NOBODY)
    long = MARK * 500
    values: list[Any] = [MARK, long, [MARK], [MARK] * 20, {"x": MARK}, [[MARK]], f"c2c_{MARK}"]
    values += [f"{MARK}...{MARK}.", f"..{MARK}..", f"{MARK}@{MARK}@", f"https://{MARK} "]
    bodies = [json.dumps(dict.fromkeys(operation.body_schema.fields, value)) for value in values]
    bodies += [MARK, f'"{MARK}"', f'{{"reference": "{MARK}', f'["{MARK}"]', "{" + MARK + "}"]
    bodies += [f'{{"a": "{MARK}", "a": "{MARK}"}}', f'{{"a": "{MARK}\\ud800"}}', long * 20]
    for body in bodies:
        answer = await witness.client.request(operation.method, path, content=body, auth=auth)
        assert answer.status_code < 500, (operation.id, body[:80])
        assert MARK not in answer.text, (operation.id, body[:80])


async def ask_badly(witness: Witness) -> None:
    for path in (
        f"/{MARK}",
        f"/api/satmint/sessions/{MARK}",
        f"{SUBSCRIBERS}/{MARK}",
        f"{SUBSCRIBERS}?page_token={MARK}&page_size={MARK}&page_number={MARK}",
        f"/api/fabric/addresses?sort_by={MARK}&sort_order={MARK}",
        f"/api/fabric/addresses?type={MARK}",
        f"/api/fabric/addresses?{MARK}=1&{MARK}=2",
        f"/api/fabric/addresses?name=%FF{MARK}",
    ):
        assert (await witness.client.get(path, auth=witness.auth)).is_client_error, path
    answer = await witness.client.get("/livez", headers={"X-Request-Id": f"{MARK} !"})
    assert MARK not in str(answer.headers)


async def misuse_real_tokens(witness: Witness) -> None:
    """Spent, tampered, swapped, revoked and shown at the wrong door."""
    pair = (await witness.client.post(TOKENS, json={"reference": "m"}, auth=witness.auth)).json()
    witness.secrets |= {pair["token"], pair["refresh_token"]}
    head, key, iv, text, tag = pair["refresh_token"].split(".")
    witness.secrets |= {text, tag}
    for token in (
        pair["token"],
        ".".join((head, key, iv, text[::-1], tag)),
        pair["refresh_token"] + ".",
        pair["refresh_token"][:-1],
    ):
        refused = await witness.client.post(
            REFRESH, json={"refresh_token": token}, auth=witness.auth
        )
        assert refused.status_code == 422
    for path in (TOKENS, SUBSCRIBERS, ADDRESSES, PROJECT_TOKENS):
        body = {"reference": [pair["token"]], "email": pair["token"], "name": [pair["token"]]}
        assert (await witness.client.post(path, json=body, auth=witness.auth)).is_client_error
    wrong_door = {"Authorization": f"Bearer {pair['refresh_token']}"}
    assert (await witness.client.get("/api/fabric/addresses", headers=wrong_door)).is_client_error


async def hold_live_sessions(witness: Witness) -> None:
    """With good credentials and with bad ones, from the first frame to the end."""
    signer = Signer.generate()
    body = {"reference": "live", "scope": "sat:refresh", "fingerprint": signer.jkt}
    made = (await witness.client.post(TOKENS, json=body, auth=witness.auth)).json()
    now = int(datetime.now(UTC).timestamp())  # noqa: TID251 - what the server goes by
    proofs = [
        signer.rpc_proof(method, iat=now)
        for method in ("signalwire.connect", "signalwire.reauthenticate")
    ]
    witness.secrets |= {made["token"], *proofs}
    async with connect_to(witness.server["http"].replace("http://", "ws://")) as client:
        for token, proof in ((MARK, MARK), (made["token"], MARK), (made["token"], None)):
            more = {} if proof is None else {"dpop_token": proof}
            await client.not_connected(token, **more)
        await client.connected(made["token"], dpop_token=proofs[0])
        assert client.state is not None
        witness.secrets.add(client.state)
        await client.not_reauthenticated(MARK, MARK)
        await client.reauthenticated(made["token"], proofs[1])
        await client.socket.send(f'{{"id": "1", "method": "{MARK}", "params": "{MARK}"}}')
        await client.socket.send(MARK)


async def test_no_secret_is_in_a_log_an_answer_or_the_database(
    witness: Witness, tmp_path: Path
) -> None:
    await do_everything(witness)
    await set_passwords(witness)
    await misuse_real_tokens(witness)
    for operation in OPERATIONS:
        if operation.body_schema is not None:
            await send_bad_bodies(witness, operation)
    await ask_badly(witness)
    await show_bad_credentials(witness)
    await hold_live_sessions(witness)
    await witness.hear(await witness.client.get(f"{witness.server['admin']}/metrics"))
    witness.server.stop()

    assert len(witness.secrets) > 50
    assert len(witness.overheard) > 300
    said_again = {
        where: found
        for where, body in witness.overheard.items()
        if (found := witness.found_in(body))
    }
    assert said_again == {}
    log = witness.server.log.read_text()
    assert log.count("refused") > 100
    assert witness.found_in(log) == set()
    assert witness.found_in(database_in(tmp_path)) == set()


def database_in(folder: Path) -> str:
    """The bytes of the database and of its log, each as a character."""
    files = sorted(folder.glob("satmint.db*"))
    assert files
    return "".join(file.read_bytes().decode("latin-1") for file in files)
