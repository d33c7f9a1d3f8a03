"""`satmint console`, and a console that several workers serve."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kit.dev import clean_environment, running_dev
from tests.kit.forked import start
from tests.kit.ports import free_port
from tests.kit.serving import ServeProcess
from tests.kit.workers import workers

_SECONDS = 60


def satmint(
    folder: Path, *arguments: str, admin_port: int | None = 9464, **env: str
) -> subprocess.CompletedProcess[str]:
    port = {} if admin_port is None else {"SATMINT_ADMIN_PORT": str(admin_port)}
    environment = clean_environment(**port, **env)
    if admin_port is None:
        del environment["SATMINT_ADMIN_PORT"]
    process = start(
        arguments,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    output, errors = process.communicate(timeout=_SECONDS)
    return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    assert satmint(folder, "keys", "init").returncode == 0
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServeProcess]:
    options = ("--admin-url", "https://console.example.com")
    with workers(folder, 2, *options) as server:
        yield server


def link_of(folder: Path, server: ServeProcess) -> str:
    done = satmint(folder, "console", "--json", "--url", server.admin_url)
    assert done.returncode == 0, done.stderr
    link: str = json.loads(done.stdout)["url"]
    assert json.loads(done.stdout)["expires_in"] == 60
    assert link.startswith(f"{server.admin_url}/console?code=")
    return link


def test_link_signs_in_at_every_worker_and_once_at_all_of_them(
    folder: Path, server: ServeProcess
) -> None:
    link = link_of(folder, server)
    with httpx.Client() as first:
        assert first.get(link).status_code == 303
        # A new connection for each request, which any worker may accept.
        for _ in range(12):
            answer = httpx.get(f"{server.admin_url}/console/projects", cookies=first.cookies)
            assert answer.status_code == 200
        for _ in range(4):
            page = httpx.get(f"{server.admin_url}/console/overview", cookies=first.cookies).text
            assert "Tokens per minute" in page
            assert "of the workers did not answer" not in page
    statuses = {httpx.get(link).status_code for _ in range(12)}
    assert statuses <= {401, 429}


def test_signing_out_at_one_worker_ends_the_session_at_all(
    folder: Path, server: ServeProcess
) -> None:
    with httpx.Client() as client:
        client.get(link_of(folder, server))
        url = f"{server.admin_url}/console"
        page = client.get(f"{url}/projects").text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        cookies = dict(client.cookies)
        headers = {"Origin": server.admin_url}
        answer = client.post(f"{url}/sign-out", data={"csrf_token": token}, headers=headers)
        assert answer.status_code == 303
    statuses = {httpx.get(f"{url}/projects", cookies=cookies).status_code for _ in range(12)}
    assert statuses == {401}


def test_browser_may_use_the_name_of_the_proxy_and_no_other(server: ServeProcess) -> None:
    url = f"{server.admin_url}/console/sign-in"
    navigation = {"Sec-Fetch-Site": "none"}
    known = httpx.get(url, headers={"Host": "console.example.com", **navigation})
    other = httpx.get(url, headers={"Host": "console.example.org", **navigation})
    assert (known.status_code, other.status_code) == (200, 404)


def test_command_knows_where_the_console_is(folder: Path) -> None:
    done = satmint(folder, "console")
    assert done.stdout.startswith("http://127.0.0.1:9464/console?code=")
    done = satmint(folder, "console", admin_port=99, SATMINT_ADMIN_HOST="::")
    assert done.stdout.startswith("http://[::1]:99/console?code=")
    done = satmint(folder, "console", SATMINT_ADMIN_URL="https://Console.Example.com/")
    assert done.stdout.startswith("https://console.example.com/console?code=")


def test_command_and_doctor_know_the_port_of_a_development_server(tmp_path: Path) -> None:
    folder = tmp_path / ".satmint"
    with running_dev(folder, env={"SATMINT_ADMIN_PORT": str(free_port())}) as dev:
        link = satmint(tmp_path, "console", admin_port=None).stdout
        assert link.startswith(f"{dev['admin']}/console?code=")
        assert httpx.get(link.strip()).status_code == 303
        link = satmint(tmp_path, "console", admin_port=99).stdout
        assert link.startswith("http://127.0.0.1:99/console?code=")
        found = json.loads(satmint(tmp_path, "doctor", "--json", admin_port=None).stdout)
        (one,) = [each for each in found["findings"] if each["check"] == "admin.metrics"]
        assert one["level"] == "ok"
        assert dev["admin"] in one["summary"]


def test_command_needs_the_keyring_and_a_listener(folder: Path, tmp_path: Path) -> None:
    done = satmint(tmp_path, "console")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no keyring" in done.stderr
    done = satmint(folder, "console", "--url", "nonsense")
    assert done.returncode == 2
    done = satmint(folder, "console", admin_port=0)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the admin listener is off" in done.stderr
