"""`satmint project delete`, killed in the middle: no token works, and a second run finishes it."""

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from uuid import UUID

from tests.kit.dev import clean_environment
from tests.kit.forked import run, start
from tests.kit.polling import wait_until

ROWS = 40_000


def satmint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run([*arguments, "--json"], cwd=folder, env=clean_environment(), text=True)


def count(file: Path, query: str) -> int:
    with closing(sqlite3.connect(file)) as db:
        (found,) = db.execute(query).fetchone()
    return int(found)


def test_killed_deletion_is_finished_by_another_one(tmp_path: Path) -> None:
    made = json.loads(satmint(tmp_path, "project", "create", "large").stdout)
    kept = json.loads(satmint(tmp_path, "project", "create", "kept").stdout)
    file, project = tmp_path / "satmint.db", UUID(made["id"])
    with closing(sqlite3.connect(file)) as db, db:
        db.executemany(
            "INSERT INTO addresses (project_id, address_id, context, name, display_name, type,"
            " channels, created_at) VALUES (?, ?, 'public', ?, '', 'room', 'audio', 1)",
            ((project.bytes, UUID(int=n).bytes, f"room-{n}") for n in range(ROWS)),
        )
    deletion = start(
        ["project", "delete", "large", "--yes"],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with deletion:
        deleted = "SELECT count(*) FROM projects WHERE deleted_at IS NOT NULL"
        wait_until(lambda: count(file, deleted))
        deletion.kill()
    left = count(file, "SELECT count(*) FROM addresses")

    assert satmint(tmp_path, "token", "inspect", made["api_token"]).returncode == 1
    assert satmint(tmp_path, "token", "inspect", kept["api_token"]).returncode == 0
    assert [one["name"] for one in json.loads(satmint(tmp_path, "project", "list").stdout)] == [
        "kept"
    ]
    again = json.loads(satmint(tmp_path, "project", "delete", "large").stdout)
    assert again == {"id": made["id"], "deleted": True, "deleted_rows": left}
    assert count(file, "SELECT count(*) FROM addresses") == 0
