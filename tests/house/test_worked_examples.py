"""The worked examples in CONTRIBUTING work, and touch as few files as it says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Final

import pytest

from tests.house.tree import ROOT, SRC

MOST_FILES: Final = 5
RUFF: Final = Path(sys.executable).with_name("ruff")
PAGE: Final = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLE: Final = re.compile(r"^#### (.+?)\n.*?^```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES: Final = dict(EXAMPLE.findall(PAGE))

TRIED: Final = {
    "An endpoint": """
        url = "/api/satmint/c2c-tokens"
        body = {"address_id": str(server.tenant.addresses[0].id)}
        made = said(await server.client.post(url, json=body, auth=server.tenant.auth), 201)
        path = f"{url}/{made['id']}"
        shown = said(await server.client.get(path, auth=server.tenant.auth), 200)
        assert shown == {name: made[name] for name in made if name != "token"}
        assert (await server.client.get(path)).status_code == 401
        missing = f"{url}/{server.tenant.id}"
        assert (await server.client.get(missing, auth=server.tenant.auth)).status_code == 404
        described = api_description(BASE_URL)["paths"][f"{url}/{{id}}"]
        assert described["get"]["operationId"] == "get-c2c-token"
    """,
    "A setting": """
        variables = {"SATMINT_WEBHOOKS_PER_PROJECT": "0"}
        assert load_settings({}, variables).webhooks_per_project == 0
        assert "webhooks_per_project" in PANELS["Protection"]
        strict = folder / "strict"
        strict.mkdir()
        async with a_service(strict, webhooks_per_project=0) as limited:
            body, auth = {"url": "https://alerts.example.com/"}, limited.tenant.auth
            answer = await limited.client.post("/api/satmint/webhooks", json=body, auth=auth)
            assert "A project has at most 0 webhooks" in answer.text, answer.text
    """,
    "An event": """
        _, token = await server.c2c_token(None, "https://www.example.com")
        headers = {"Origin": "https://elsewhere.example"}
        answer = await server.client.post(
            "/api/embeds/tokens", json={"token": token}, headers=headers
        )
        assert answer.status_code == 403, answer.text
        assert "embed_refused" in await server.events()
        assert list(EVENT_TEXTS) == list(EventKind)
    """,
}
"""What is tried once an example is applied."""

PROGRAM: Final = """
import asyncio, sys
from pathlib import Path
import satmint
from satmint.assembly import api_description
from satmint.cli.serve import PANELS
from satmint.model.event_texts import EVENT_TEXTS
from satmint.model.events import EventKind
from satmint.settings_sources import load_settings
from tests.kit.service import BASE_URL, a_service, said

async def main(folder: Path) -> None:
    assert Path(satmint.__file__).is_relative_to(folder), satmint.__file__
    (folder / "data").mkdir()
    async with a_service(folder / "data") as server:
{tried}
asyncio.run(main(Path(sys.argv[1])))
"""


def hunks(diff: str) -> Iterator[tuple[str, str, str]]:
    """The changes of an example: file, what is there, what is there afterwards."""
    for part in re.split(r"^\+\+\+ ", diff, flags=re.MULTILINE)[1:]:
        name, _, changes = part.partition("\n")
        for hunk in changes.split("@@\n"):
            lines = [(line[:1] or " ", line[1:] + "\n") for line in hunk.splitlines()]
            before = "".join(text for sign, text in lines if sign in " -")
            yield name, before, "".join(text for sign, text in lines if sign in " +")


def apply(diff: str, root: Path) -> None:
    """Make the changes of an example to the source below `root`."""
    for name, before, after in hunks(diff):
        path = root / name.removeprefix("src/")
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{name} has not exactly once:\n{before}"
        path.write_text(text.replace(before, after), encoding="utf-8")


def test_each_has_something_that_is_tried() -> None:
    assert list(EXAMPLES) == list(TRIED)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_touches_few_files(example: str) -> None:
    assert 0 < len({name for name, _, _ in hunks(EXAMPLES[example])}) <= MOST_FILES


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_works(example: str, tmp_path: Path) -> None:
    copytree(SRC, tmp_path / "satmint")
    apply(EXAMPLES[example], tmp_path)
    linted = subprocess.run(
        [str(RUFF), "check", "--isolated", "--select=F", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{tried}", TRIED[example]), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
