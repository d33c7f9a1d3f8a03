"""A deployment whose database is copied and put back, in processes of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.kit.dev import clean_environment
from tests.kit.forked import run
from tests.kit.serving import ServeProcess, running_serve

Json = dict[str, Any]


class Deployment:
    """A folder with a keyring, and a database with one project."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.database = database
        self.run("keys", "init")
        self.run("db", "migrate")
        self.project: Json = json.loads(self.run("project", "create", "acme", "--json"))
        self.url = ""

    @property
    def auth(self) -> tuple[str, str]:
        """User and password of its backend."""
        return self.project["id"], self.project["api_token"]

    def satmint(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of a command."""
        where = () if arguments[0] == "keys" else ("--database", self.database)
        done = run(
            [*arguments, *where],
            text=True,
            cwd=self.folder,
            env=clean_environment(),
        )
        return done.returncode, done.stdout, done.stderr

    def run(self, *arguments: str) -> str:
        """The standard output of a command that succeeds."""
        code, out, told = self.satmint(*arguments)
        assert code == 0, told
        return out

    @contextmanager
    def serve(self) -> Iterator[ServeProcess]:
        """A server that answers; it is killed at the end, unless it was stopped."""
        with running_serve(self.folder, "--database", self.database) as server:
            self.url = server.url
            yield server

    def refused(self) -> str:
        """The one line with which a server does not start, after those of its log."""
        code, out, told = self.satmint("serve", "--port", "0")
        assert (code, out) == (1, "")
        *log, line = told.splitlines()
        assert all("database_migrated" in entry for entry in log), told
        return f"{line}\n"

    def sign_in(self, reference: str) -> Json:
        """A new session."""
        path = "/api/fabric/subscribers/tokens"
        answer = httpx.post(self.url + path, auth=self.auth, json={"reference": reference})
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def refresh(self, pair: Json) -> httpx.Response:
        """The answer to the refresh token of a pair."""
        path = "/api/fabric/subscribers/tokens/refresh"
        body = {"refresh_token": pair["refresh_token"]}
        return httpx.post(self.url + path, auth=self.auth, json=body)

    def rotate(self, pair: Json) -> Json:
        """The next pair."""
        answer = self.refresh(pair)
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found

    def accepts(self, pair: Json) -> bool:
        """Whether the SAT of a pair is accepted."""
        authorization = {"Authorization": f"Bearer {pair['token']}"}
        answer = httpx.get(f"{self.url}/api/fabric/subscriber/info", headers=authorization)
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200

    def revoke(self, pair: Json) -> None:
        """Revoke the session of a pair, by the management API."""
        answer = httpx.post(
            f"{self.url}/api/satmint/tokens/revoke", auth=self.auth, json={"token": pair["token"]}
        )
        assert answer.status_code in (200, 204), answer.text


class History:
    """What happens before and after a copy is made: the copy must revive none of it."""

    def __init__(self, deployment: Deployment) -> None:
        """Sign in; then a copy is made."""
        self._deployment = deployment
        self.revoked = deployment.sign_in("revoked")
        self.spent = deployment.sign_in("spent")
        self.kept = deployment.sign_in("kept")
        self.newest: Json = {}

    def go_on(self) -> None:
        """Revoke and rotate, after the copy was made."""
        self._deployment.revoke(self.revoked)
        self.newest = self._deployment.rotate(self._deployment.rotate(self.spent))

    def assert_ended(self) -> None:
        """No token of before is accepted, and new ones are."""
        here = self._deployment
        for pair in (self.revoked, self.spent, self.kept, self.newest):
            assert not here.accepts(pair)
            assert here.refresh(pair).status_code == 422
        fresh = here.sign_in("kept")
        assert here.accepts(fresh)
        assert here.accepts(here.rotate(fresh))
