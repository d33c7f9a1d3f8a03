"""Something to see on every page of the console."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import httpx

from satmint.console.pages import PAGES
from tests.console.record_samples import fill_records
from tests.kit.dev import SATMINT, DevServer, clean_environment

_SECONDS: Final = 60
HOSTILE: Final = "<script>alert(1)</script>"
"""A project's name."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Values for the placeholders of pages' paths."""

    values: dict[str, str]
    """By name."""
    empty_project: str
    """The id of a project that has nothing."""

    def path(self, pattern: str) -> str:
        """The path of a page, with `/console`."""
        for name, value in self.values.items():
            pattern = pattern.replace(f"{{{name}}}", quote(value, safe=""))
        assert "{" not in pattern, f"{pattern}: a placeholder without a value in {__name__}"
        return f"/console{pattern}"

    def empty_path(self, pattern: str) -> str:
        """The path of a list in the project that has nothing."""
        return f"/console{pattern.replace('{project}', self.empty_project)}"


PATHS: Final = [page.path for page in PAGES]
EMPTY_PATHS: Final = [
    page.path for page in PAGES if page.is_of_project and page.path.count("{") == 1
]


def fill(dev: DevServer) -> Samples:
    """Make data for every page in the demo project of a development server."""
    values = {"project": str(dev["project_id"])}
    base = f"{dev['http']}/api/fabric"
    with httpx.Client(auth=dev.auth, verify=False) as client:
        for reference in ("alice@example.com", "bob@example.com"):
            body = {"reference": reference}
            client.post(f"{base}/subscribers/tokens", json=body).raise_for_status()
        fill_records(client, dev["http"], values)
        client.post(f"{base}/subscribers/tokens/refresh", json={"refresh_token": HOSTILE})
    values["number"] = "1"
    return Samples(values, create_project(dev, HOSTILE))


@contextmanager
def listener(dev: DevServer) -> Iterator[None]:
    """A client of the demo project that listens to the feed of revocations."""
    url = f"{dev['http']}/api/satmint/revocations"
    with httpx.Client(auth=dev.auth) as client, client.stream("GET", url) as answer:
        answer.raise_for_status()
        yield


def create_project(dev: DevServer, name: str) -> str:
    """A new project in the database of a development server; returns its id."""
    done = subprocess.run(
        [*SATMINT, "project", "create", name, "--database", dev["database"], "--json"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    identifier: str = httpx.Response(200, content=done.stdout).json()["id"]
    return identifier
