"""`satmint serve`: how it starts, what it says, how it takes signals and a changed keyring."""

import json
import re
import signal
import ssl
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from satmint.cli.program import run
from satmint.model.base64url import b64url_decode
from satmint.settings import FIELDS
from tests.kit import serving
from tests.kit.dev import SATMINT, clean_environment
from tests.kit.polling import wait_until
from tests.kit.serving import ServeProcess

running_serve = partial(serving.running_serve, forked=False)


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """A deployment in the current folder, with one project."""
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "init"]) == 0
    capsys.readouterr()
    assert run(["project", "create", "one", "--json"]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


def sign_in(server: ServeProcess, project: dict[str, Any]) -> dict[str, str]:
    answer = httpx.post(
        f"{server.url}/api/fabric/subscribers/tokens",
        auth=(project["id"], project["api_token"]),
        json={"reference": "alice@example.com"},
    )
    assert answer.status_code == 200
    made: dict[str, str] = answer.json()
    return made


def refresh(server: ServeProcess, project: dict[str, Any], token: str) -> dict[str, str]:
    answer = httpx.post(
        f"{server.url}/api/fabric/subscribers/tokens/refresh",
        auth=(project["id"], project["api_token"]),
        json={"refresh_token": token},
    )
    assert answer.status_code == 201
    made: dict[str, str] = answer.json()
    return made


def kid_of(token: str) -> str:
    return str(json.loads(b64url_decode(token.partition(".")[0]))["kid"]).partition(".")[0]


def keys(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["keys", *command, "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_it_says_where_it_listens_and_warns_without_a_cluster_host(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    variables = {
        "SATMINT_CLUSTERHOST": "puc.example.com",
        "SATMINT_CLUSTER_HOST": "",
        "SATMINT_WORKERS": "",
        "SATMINT_SERVICE_HOST": "10.96.12.34",
    }
    with running_serve(tmp_path, env=variables) as server:
        url = server.url
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        sign_in(server, project)
        assert server.stop() == 0
        told = [(line["level"], line["event"]) for line in server.log]
    assert told == [
        ("warning", "unknown_variable"),
        ("warning", "no_cluster_host"),
        ("info", "listening"),
        ("info", "stopped"),
    ]
    assert server.log[0]["variable"] == "SATMINT_CLUSTERHOST"
    assert server.log[0]["remedy"] == "did you mean SATMINT_CLUSTER_HOST?"
    assert server.log[2]["public_url"] == url
    assert project["api_token"] not in json.dumps(server.log)


def test_settings_come_from_options_variables_and_a_file(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    (tmp_path / "satmint.toml").write_text(
        'issuer = "file"\ncluster_host = "puc.file.example"\npublic_url = "https://file.example/"\n'
    )
    with running_serve(
        tmp_path,
        "--cluster-host",
        "puc.option.example",
        env={
            "SATMINT_CONFIG": "satmint.toml",
            "SATMINT_CLUSTER_HOST": "puc.variable.example",
            "SATMINT_PUBLIC_URL": "https://variable.example/",
        },
    ) as server:
        assert server.wait_for("listening")["public_url"] == "https://variable.example"
        token = sign_in(server, project)["token"]
        assert json.loads(b64url_decode(token.partition(".")[0]))["ch"] == "puc.option.example"
        described = httpx.get(f"{server.url}/openapi.json").json()
        assert described["servers"] == [{"url": "https://variable.example"}]
        assert server.stop(signal.SIGINT) == 0
        assert [line["event"] for line in server.log] == ["listening", "stopped"]


def test_it_serves_https_with_a_certificate(tmp_path: Path, project: dict[str, Any]) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1")
    made.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    made.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with running_serve(tmp_path, "--tls-cert", "cert.pem", "--tls-key", "key.pem") as server:
        assert server.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        assert httpx.get(f"{server.url}/livez", verify=trusting).status_code == 200
        assert server.stop() == 0
    assert project["name"] == "one"


def test_key_is_rotated_while_it_runs_and_nothing_breaks(
    tmp_path: Path, project: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with running_serve(tmp_path) as server:
        before = sign_in(server, project)
        rotated = keys(capsys, "rotate")["keys"]
        new, old = rotated[0]["id"], rotated[1]["id"]
        # By itself, within its own time: nobody has told it.
        told = server.wait_for("keyring_reloaded")
        assert (told["active"], told["keys"]) == (new, 2)
        after = refresh(server, project, before["refresh_token"])
        assert kid_of(before["token"]) == old
        assert kid_of(after["token"]) == kid_of(after["refresh_token"]) == new
        info = httpx.get(
            f"{server.url}/api/fabric/subscriber/info",
            headers={"Authorization": f"Bearer {before['token']}"},
        )
        assert info.status_code == 200
        assert server.stop() == 0


def test_leaked_key_that_is_removed_opens_nothing_after_a_hangup(
    tmp_path: Path, project: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with running_serve(tmp_path) as server:
        made = sign_in(server, project)
        old = keys(capsys, "rotate")["keys"][1]["id"]
        assert keys(capsys, "retire", old, "--now", "--yes")["sessions_cut_off"] == 1
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("keyring_reloaded")
        refused = httpx.post(
            f"{server.url}/api/fabric/subscribers/tokens/refresh",
            auth=(project["id"], project["api_token"]),
            json={"refresh_token": made["refresh_token"]},
        )
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["code"] == "token_invalid"
        assert server.stop() == 0


def test_keyring_that_cannot_be_read_is_told_of_and_not_taken(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    with running_serve(tmp_path) as server:
        made = sign_in(server, project)
        (tmp_path / "keyring.json").write_bytes(b"\xff\x00 no keyring")
        server.process.send_signal(signal.SIGHUP)
        assert server.wait_for("keyring_not_reloaded")["level"] == "error"
        refresh(server, project, made["refresh_token"])
        assert server.stop() == 0


def test_deployment_that_is_open_by_accident_is_warned_of(
    tmp_path: Path, project: dict[str, Any]
) -> None:
    (tmp_path / "keyring.json").chmod(0o644)
    with running_serve(tmp_path, "--host", "0.0.0.0") as server:
        told = server.wait_for("no_public_url")
        assert re.fullmatch(r"links in responses start with http://0\.0\.0\.0:\d+", told["meaning"])
        warning = server.wait_for("keyring_open_to_others")
        assert (warning["level"], warning["remedy"]) == (
            "warning",
            f"chmod 600 {tmp_path}/keyring.json",
        )
        server.wait_for("listening")
        assert server.stop() == 0
    assert project["name"] == "one"


def test_keyring_is_asked_for_as_json_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [*SATMINT, "serve", "--port", "0", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environment(),
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert json.loads(done.stderr) == {
        "error": f"there is no keyring at {tmp_path}/keyring.json: create one with"
        " `satmint keys init`"
    }
    assert list(tmp_path.iterdir()) == []


def test_help_is_the_reference_of_all_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["serve", "--help"]) == 0
    shown = capsys.readouterr().out
    for field in FIELDS:
        assert re.search(rf"--{field.name.replace('_', '-')} ", shown), field.name
    for panel in ("Listening", "Data and keys", "Tokens", "Protection", "Logs"):
        assert f"─ {panel} ─" in shown
    assert "SATMINT_TLS_CERT" in shown
    assert "Default: sqlite:///satmint.db" in shown


def test_hangup_while_it_starts_does_not_end_it(tmp_path: Path) -> None:
    """A certificate is renewed, or a keyring spread, whenever it is."""
    assert run(["keys", "init", "--keyring", str(tmp_path / "keyring.json")]) == 0
    with running_serve(tmp_path) as server:
        status = Path(f"/proc/{server.process.pid}/status")
        wait_until(lambda: _ignored(status) & 1)
        server.process.send_signal(signal.SIGHUP)
        assert server.url
        assert server.stop() == 0


def _ignored(status: Path) -> int:
    """The signals that a process ignores, bit by bit from SIGHUP on."""
    lines = status.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:"))
