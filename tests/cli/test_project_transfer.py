"""`satmint project export` and `import`: a project in another deployment, on both stores."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.kit.postgres import the_server
from tests.kit.restoring import Deployment

KINDS: Final = ("sqlite", "postgres")


def a_deployment(folder: Path, kind: str) -> Deployment:
    folder.mkdir()
    url = f"sqlite:///{folder}/satmint.db"
    return Deployment(folder, url if kind == "sqlite" else the_server().new_database())


@pytest.fixture(params=KINDS)
def exported(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Deployment]:
    """An export with a record of each kind, and an empty deployment on the other store."""
    there = "postgres" if request.param == "sqlite" else "sqlite"
    deployment = a_deployment(tmp_path / "source", request.param)
    deployment.run("token", "create", "Łódź@example.com")
    deployment.run("token", "create", "bob")
    address = json.loads(deployment.run("address", "create", "support", "--json"))["id"]
    deployment.run("click-to-call", "create", address, "--name", "site")
    deployment.run("webhook", "create", "https://hooks.example.com/alerts")
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "source" / "satmint.db")) as file, file:
            file.execute(
                "INSERT INTO rooms SELECT project_id, randomblob(16), address_id, name, 'Lobby',"
                " '{}', 7, 8 FROM addresses WHERE type <> 'subscriber'"
            )
    return deployment.run("project", "export", "acme"), a_deployment(tmp_path / "target", there)


def test_project_is_imported_once_and_whole(
    exported: tuple[str, Deployment], tmp_path: Path
) -> None:
    text, target = exported
    lines = [json.loads(line) for line in text.splitlines()]
    rooms = [line for line in lines if line["type"] == "room"]
    assert [line["type"] for line in lines if line not in rooms] == [
        *("project", "subscriber", "subscriber", "address", "address", "address"),
        *("click_to_call", "webhook", "end"),
    ]
    for secret in ("PT", "c2c_", "whsec_", "sealed", "password", "session"):
        assert secret not in text
    file = tmp_path / "acme.jsonl"
    target.run("project", "rename", "acme", "other")
    file.write_text("\n".join(text.splitlines()[:4]) + "\n")  # cut
    code, _, told = target.satmint("project", "import", str(file))
    assert (code, "the file was cut: it ends at line 4" in told) == (1, True)
    file.write_text(text)
    first = json.loads(target.run("project", "import", str(file), "--json"))
    assert (first["added"], first["unchanged"], first["refused"]) == (4 + len(rooms), 3, 0)
    assert [webhook["url"] for webhook in first["webhooks"]] == [lines[-2]["url"]]
    again = json.loads(target.run("project", "import", str(file), "--json"))
    assert (again["added"], again["unchanged"], again["webhooks"]) == (0, 7 + len(rooms), [])
    assert target.run("project", "export", "acme") == text
    # Whoever signs in is the imported subscriber.
    token = json.loads(target.run("token", "create", "bob", "--project", "acme", "--json"))
    bob = next(line for line in lines if line.get("reference") == "bob")
    assert token["subscriber_id"] == bob["id"]


def test_lines_that_cannot_be_imported_are_named(
    exported: tuple[str, Deployment], tmp_path: Path
) -> None:
    text, target = exported
    header, *records, end = text.splitlines()
    bob = next(json.loads(line) for line in records if '"bob"' in line)
    bad = [
        "not json",
        json.dumps({**bob, "email": "a\0b"}),
        json.dumps({**bob, "id": "00000000-0000-4000-8000-000000000001"}),
        json.dumps({**bob, "first_name": "Robert"}),
        json.dumps({"type": "webhook", "url": "https://[half"}),
        '{"nested":' + "[" * 100_000 + "]" * 100_000 + "}",
        header,
    ]
    file = tmp_path / "bad.jsonl"
    file.write_text("\n".join([header, *records, *bad, end, "", header]) + "\n")
    code, out, told = target.satmint("project", "import", str(file), "--into", "acme", "--json")
    assert (code, f"{len(bad) + 1} lines were not imported" in told) == (1, True)
    shown = json.loads(out)
    number = len(records) + 2
    assert sorted(problem["line"] for problem in shown["problems"]) == [
        *range(number, number + len(bad)),
        number + len(bad) + 1,
    ]
    assert shown["added"] == len(records)
    assert "\0" not in out
    for first, reason in (
        ("{}", "line 1 is not the header of an export"),
        (header.replace('"version":1', '"version":2'), "the file has format version 2"),
        (header.replace('"acme"', '"\\u001b[31m"'), "the name of the project cannot be printed"),
    ):
        file.write_text(f"{first}\n{end}\n")
        code, _, told = target.satmint("project", "import", str(file))
        assert (code, reason in told) == (1, True)
    file.write_text(text)
    code, _, told = target.satmint("project", "import", str(file))
    assert (code, "another project is named acme" in told) == (1, True)
