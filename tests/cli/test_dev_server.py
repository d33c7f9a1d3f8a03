"""`satmint dev`: one command, and everything answers; a restart keeps it all."""

import json
import re
import signal
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from satmint.cli.documentation import find_documentation
from satmint.cli.program import run
from satmint.model.base64url import b64url_decode
from tests.kit import dev as kit
from tests.kit.dev import SATMINT, DevServer, clean_environment
from tests.kit.ports import free_port

running_dev = partial(kit.running_dev, forked=False)

ROOT: Final = Path(__file__).parents[2]
TOKENS: Final = "/api/fabric/subscribers/tokens"
REFRESH: Final = "/api/fabric/subscribers/tokens/refresh"


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    folder, admin = tmp_path_factory.mktemp("dev"), {"SATMINT_ADMIN_PORT": str(free_port())}
    with running_dev(folder, env=admin) as server:
        yield server


def sign_in(dev: DevServer, reference: str = "alice@example.com") -> dict[str, Any]:
    answer = httpx.post(dev["http"] + TOKENS, auth=dev.auth, json={"reference": reference})
    assert answer.status_code == 200
    made: dict[str, Any] = answer.json()
    return made


def test_first_line_has_everything_a_program_needs(dev: DevServer) -> None:
    ready = dev.ready
    assert list(ready) == [
        "ready",
        "http",
        "https",
        "cluster_host",
        "project_id",
        "api_token",
        "c2c_token",
        "addresses",
        "database",
        "ca_file",
        "admin",
        "console",
    ]
    assert ready["ready"] is True
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", ready["http"])
    assert re.fullmatch(r"https://127\.0\.0\.1:\d+", ready["https"])
    assert ready["cluster_host"] == f"puc.localhost:{ready['https'].rpartition(':')[2]}"
    assert str(UUID(ready["project_id"])) == ready["project_id"]
    assert re.fullmatch(r"PT[0-9a-f]{48}", ready["api_token"])
    assert re.fullmatch(r"c2c_[0-9a-f]{32}", ready["c2c_token"])
    assert [(a["name"], a["context"], a["type"]) for a in ready["addresses"]] == [
        ("support", "public", "room"),
        ("sales", "public", "call"),
        ("reception", "public", "app"),
    ]
    assert all(list(a) == ["id", "name", "context", "type"] for a in ready["addresses"])
    assert ready["database"] == f"sqlite:///{Path(ready['ca_file']).parent / 'satmint.db'}"
    assert Path(ready["ca_file"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert "satmint_http_requests_total" in httpx.get(f"{ready['admin']}/metrics").text
    assert httpx.get(f"{ready['http']}/metrics").status_code == 404


def test_admin_listener_takes_a_free_port_where_its_own_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running_dev(tmp_path, env={"SATMINT_ADMIN_PORT": str(port)}) as dev:
            assert dev["admin"] != f"http://127.0.0.1:{port}"
            assert httpx.get(f"{dev['admin']}/metrics").status_code == 200


def test_back_end_and_page_get_tokens_for_the_local_cluster(dev: DevServer) -> None:
    made = sign_in(dev)
    segment = made["token"].partition(".")[0]
    assert json.loads(b64url_decode(segment))["ch"] == dev["cluster_host"]
    embed = httpx.post(dev["http"] + "/api/fabric/embeds/tokens", json={"token": dev["c2c_token"]})
    assert embed.status_code == 201
    listed = httpx.get(dev["http"] + "/api/fabric/addresses", auth=dev.auth).json()["data"]
    assert {a["id"] for a in dev["addresses"]} <= {a["id"] for a in listed}


@pytest.mark.parametrize("name", ["localhost", "puc.localhost", "fabric.localhost", "127.0.0.1"])
def test_browsers_are_answered_over_tls_under_every_name(dev: DevServer, name: str) -> None:
    port = int(dev["https"].rpartition(":")[2])
    trusting = ssl.create_default_context(cafile=dev["ca_file"])
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        trusting.wrap_socket(plain, server_hostname=name) as secure,
    ):
        secure.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert secure.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_start_page_gives_the_demo_credentials_away(dev: DevServer) -> None:
    page = httpx.get(dev["http"] + "/")
    assert page.status_code == 200
    assert dev["project_id"] in page.text
    assert dev["api_token"] in page.text


def test_what_is_kept_is_its_owners_alone(dev: DevServer) -> None:
    folder = Path(dev["ca_file"]).parent
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    for name in ("demo.json", "keyring.json", "server.key", "satmint.db"):
        assert modes[name] == 0o600, name


def test_restart_keeps_project_tokens_and_certificate(tmp_path: Path) -> None:
    with running_dev(tmp_path) as dev:
        before, made = dev.ready, sign_in(dev)
        certificate = (tmp_path / "ca.pem").read_bytes()
        assert dev.stop() == (0, "")
    with running_dev(tmp_path) as dev:
        kept = ("project_id", "api_token", "c2c_token", "addresses", "database", "ca_file")
        assert {name: dev[name] for name in kept} == {name: before[name] for name in kept}
        assert (tmp_path / "ca.pem").read_bytes() == certificate
        answer = httpx.post(
            dev["http"] + REFRESH,
            auth=dev.auth,
            json={"refresh_token": made["refresh_token"]},
        )
        assert answer.status_code == 201
        # With Ctrl-C, as people end it.
        assert dev.stop(signal.SIGINT) == (0, "")
        log = dev.log.read_text()
    assert [json.loads(line)["event"] for line in log.splitlines()] == ["stopped", "stopped"]
    secrets = (before["api_token"], before["c2c_token"], made["token"], made["refresh_token"])
    assert not any(secret in log for secret in secrets)


def test_database_and_settings_can_be_others(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    with running_dev(
        tmp_path / "data", "--database", url, env={"SATMINT_EMBEDS_PER_MINUTE": "1"}
    ) as dev:
        assert dev["database"] == url
        assert not (tmp_path / "data" / "satmint.db").exists()
        embeds = f"{dev['http']}/api/fabric/embeds/tokens"
        answers = [httpx.post(embeds, json={"token": dev["c2c_token"]}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 429]


def test_request_in_flight_is_answered_before_it_ends(tmp_path: Path) -> None:
    with running_dev(tmp_path) as dev:
        port = int(dev["http"].rpartition(":")[2])
        body = b'{"token": "c2c_0"}'
        with socket.create_connection(("127.0.0.1", port)) as client:
            head = (
                b"POST /api/fabric/embeds/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
            )
            client.sendall(head % len(body) + body[:5])
            # The server has this request in hand once it answers a later one.
            assert httpx.get(dev["http"] + "/livez").status_code == 200
            dev.process.terminate()
            wait_until_refused(port)
            client.sendall(body[5:])
            assert client.recv(4096).startswith(b"HTTP/1.1 404 ")
        assert dev.stop()[0] == 0


def test_browser_that_keeps_an_idle_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with running_dev(tmp_path) as dev:
        port = int(dev["https"].rpartition(":")[2])
        trusting = ssl.create_default_context(cafile=dev["ca_file"])
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            secure.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert secure.recv(4096).startswith(b"HTTP/1.1 200 ")
            # Nothing is read any more, so that TLS never learns that the other side has closed.
            assert dev.stop() == (0, "")
        log = dev.log.read_text()
    assert [json.loads(line)["event"] for line in log.splitlines()] == ["stopped"]


def wait_until_refused(port: int) -> None:
    """Until the listener has been closed, which a graceful stop begins with."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue  # it was closed under our hands


def test_other_commands_find_the_running_server_by_its_folder(
    dev: DevServer, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(Path(dev["ca_file"]).parent)
    assert run(["token", "create", "cli@example.com", "--data", folder, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert json.loads(b64url_decode(made["token"].partition(".")[0]))["ch"] == dev["cluster_host"]
    info = httpx.get(
        dev["http"] + "/api/fabric/subscriber/info",
        headers={"Authorization": f"Bearer {made['token']}"},
    )
    assert (info.status_code, info.json()["email"]) == (200, "cli@example.com")
    assert run(["token", "revoke", made["token"], "--data", folder]) == 0
    refused = httpx.get(
        dev["http"] + "/api/fabric/subscriber/info",
        headers={"Authorization": f"Bearer {made['token']}"},
    )
    assert refused.status_code == 401


def test_other_commands_find_it_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / ".satmint"
    kept.mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "init"]) == 0
    assert (kept / "keyring.json").exists()
    assert run(["project", "create", "found", "--json"]) == 0
    assert (kept / "satmint.db").exists()
    # What is said goes before what is found.
    monkeypatch.setenv("SATMINT_DATABASE", "sqlite:///other.db")
    capsys.readouterr()
    assert run(["project", "list"]) == 1
    assert capsys.readouterr().err == (
        "satmint: there is no database at other.db: create one with `satmint db migrate`\n"
    )


@pytest.mark.parametrize("option", ["--port", "--https-port"])
def test_port_that_is_taken_is_named_in_one_line(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        ports = {"--port": "0", "--https-port": "0", option: str(port)}
        arguments = [word for pair in ports.items() for word in pair]
        assert run(["dev", *arguments, "--data", str(tmp_path)]) == 1
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err == f"satmint: cannot listen on 127.0.0.1:{port}: the port is taken\n"
        assert run(["dev", *arguments, "--data", str(tmp_path), "--json"]) == 1
        assert json.loads(capsys.readouterr().err) == {
            "error": f"cannot listen on 127.0.0.1:{port}: the port is taken"
        }


def test_port_is_taken_from_the_environment_and_from_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("SATMINT_PORT", str(port))
        monkeypatch.setenv("SATMINT_DATABASE", "postgresql://h/x")
        assert run(["dev", "--https-port", "0", "--data", str(tmp_path)]) == 1
        shown = capsys.readouterr().err
        assert f"cannot listen on 127.0.0.1:{port}: the port is taken" in shown
        assert "variable_ignored" in shown
        assert "SATMINT_DATABASE" in shown
    make = ["make", "--no-print-directory", "-n", "run", "PORT=9000", "HTTPS_PORT=0"]
    planned = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True)
    assert planned.stdout.endswith("satmint dev --port 9000 --https-port 0\n")


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.1", "example.com", "127.0.0.1.nip.io"]
)
def test_any_address_but_loopback_is_refused(
    tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    assert run(["dev", "--host", host, "--data", str(data)]) == 2
    assert capsys.readouterr().err == (
        f"satmint: `satmint dev` cannot listen on {host}, only on loopback: use `satmint serve`\n"
    )
    assert not data.exists()


def test_folder_that_cannot_be_made_is_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    data = tmp_path / "file" / "data"
    assert run(["dev", "--data", str(data)]) == 1
    assert capsys.readouterr().err == (
        f"satmint: cannot write to the data folder: {data}: not a directory\n"
    )


def test_printed_lines_work_as_they_stand(tmp_path: Path) -> None:
    command = [*SATMINT, "dev", "--port", "0", "--https-port", "0", "--data", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment()
    ) as process:
        try:
            assert process.stdout is not None
            shown = ""
            while "Ctrl-C" not in shown:
                shown += process.stdout.readline().decode()
            exports, curl, python = pasted(shown)
            made = subprocess.run(["bash", "-c", curl], capture_output=True, check=True)
            assert json.loads(made.stdout).keys() == {"subscriber_id", "token", "refresh_token"}
            echoed = subprocess.run(
                ["bash", "-c", exports + 'echo "$SIGNALWIRE_SPACE"'],
                capture_output=True,
                check=True,
                text=True,
            )
            space = echoed.stdout.strip()
            assert httpx.get(f"http://{space}/livez").status_code == 200
            compile(python, "pasted", "exec")
            assert "from signalwire.rest import RestClient" in python
        finally:
            process.terminate()
    assert process.returncode == 0
    assert "\x1b" not in shown
    documentation = find_documentation()
    built = f"http://{space}/docs/"
    not_built = f"not built: {documentation.command}, then start again"
    said = re.findall(r"documentation +(.*?) *│", shown)
    assert said == [not_built if documentation.folder is None else built]


def pasted(shown: str) -> tuple[str, str, str]:
    exports = re.search(r"(?:^export \S+\n)+", shown, re.MULTILINE)
    curl = re.search(r"^curl (?:.*\\\n)+.*\n", shown, re.MULTILINE)
    python = re.search(r"^from (?:.*\n)+?print\(.*\n", shown, re.MULTILINE)
    assert exports is not None
    assert curl is not None
    assert python is not None
    return exports[0], curl[0], python[0]
