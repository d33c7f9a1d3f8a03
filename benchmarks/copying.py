"""Measures `satmint db copy` in both directions: python -m benchmarks.copying FOLDER --sessions N.

The server that comes up on each copy refreshes tokens from before the first one.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import UUID

from tests.kit.postgres import DURABLE, PostgresServer, execute
from tests.kit.restoring import Deployment

from satmint.jose import TokenCipher
from satmint.keyring_file import read_keyring
from satmint.model.claims import Claims, Kind, TokenType, token_id
from satmint.model.clock import SystemClock
from satmint.model.entropy import SystemEntropy
from satmint.model.lifetimes import ACCESS_SECONDS, REFRESH_TOKEN_GRACE_SECONDS
from satmint.settings import Settings

_SESSIONS_EACH: Final = 10
_TOKENS: Final = 200
_NUMBERS: Final = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
_SUBSCRIBERS: Final = f"""{_NUMBERS}
INSERT INTO subscribers (project_id, subscriber_id, kind, reference, reference_key, created_at,
                         updated_at)
SELECT project_id, randomblob(16), 'subscriber', 'user-' || i, 'user-' || i, ?, ? FROM n, projects
"""
_SESSIONS: Final = f"""{_NUMBERS}
INSERT INTO sessions (project_id, session_id, project_epoch, subscriber_id, subscriber_epoch, kind,
                      generation, head_since, head_expires_at, seen_generation, created_at,
                      deadline, lives_until, first_until, address, agent)
SELECT project_id, randomblob(16), 0, subscriber_id, 0, kind, 0, ?2, ?2 + 7200, -1, ?2,
       ?2 + 1000000000, ?2 + 7500, ?2 + 7500, '192.0.2.1', 'benchmark'
  FROM subscribers, n
"""
_EVENTS: Final = """
INSERT INTO events (project_id, event_id, kind, at, subscriber_id, session_id, generation, cause,
                    request_id, address, agent, position)
SELECT project_id, randomblob(16), 'issued', created_at, subscriber_id, session_id, 0, '', 'filled',
       address, agent, row_number() OVER () FROM sessions
"""


def _fill(file: Path, sessions: int, now: int) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -2000000")
        db.execute(_SUBSCRIBERS, (sessions // _SESSIONS_EACH, now, now))
        db.execute(_SESSIONS, (_SESSIONS_EACH, now))
        db.execute(_EVENTS)


def _tokens(folder: Path, file: Path, now: int) -> list[str]:
    """Refresh tokens of sessions picked at random."""
    cipher = TokenCipher(read_keyring(folder / "keyring.json"), SystemEntropy())
    query = (
        "SELECT project_id, session_id, subscriber_id FROM sessions"
        f" WHERE session_id > randomblob(16) LIMIT {_TOKENS}"
    )
    with closing(sqlite3.connect(file)) as db:
        found = [[UUID(bytes=one) for one in row] for row in db.execute(query)]
    return [
        cipher.seal(
            Claims(
                iss=Settings().issuer,
                sub=subscriber,
                prj=project,
                sid=session,
                gen=0,
                jti=token_id(session, 0, TokenType.REFRESH),
                iat=now,
                exp=now + ACCESS_SECONDS + REFRESH_TOKEN_GRACE_SECONDS,
                epo=0,
                kind=Kind.SUBSCRIBER,
                scope=(),
            ),
            TokenType.REFRESH,
            None,
            now,
        )
        for project, session, subscriber in found
    ]


def _copy(deployment: Deployment, target: str) -> dict[str, float]:
    """Copy, as an operator does; the deployment is on the copy then."""
    command = ["db", "copy", "--database", deployment.database, "--to", target, "--json"]
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "satmint", *command],
        cwd=deployment.folder,
        stdout=subprocess.PIPE,
    ) as process:
        memory = 0
        while process.poll() is None:
            memory = max(memory, _memory_mb(process.pid))
            time.sleep(0.2)
        seconds = time.monotonic() - started
        out = process.stdout.read() if process.stdout else b""
    if process.returncode:
        raise SystemExit(process.returncode)
    deployment.database = target
    rows = sum(json.loads(out)["rows"].values())
    return {"rows": rows, "seconds": round(seconds, 1), "memory_mb": memory}


def _memory_mb(process: int) -> int:
    """The most memory that a process has had, as far as it still runs."""
    status = Path(f"/proc/{process}/status").read_text()
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0")
    return int(line.split()[1]) // 1024


def _refresh_all(deployment: Deployment, tokens: list[str]) -> list[str]:
    with deployment.serve() as server:
        pairs = [deployment.rotate({"refresh_token": token}) for token in tokens]
        server.stop()
    return [pair["refresh_token"] for pair in pairs]


def main() -> None:
    """Measure, and print a line of JSON for each copy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder, with 5 GB for 10^6 sessions")
    parser.add_argument("--sessions", type=int, default=1_000_000)
    options = parser.parse_args()
    folder: Path = options.folder.absolute()
    folder.mkdir()
    file, now = folder / "satmint.db", SystemClock().now()
    deployment = Deployment(folder, f"sqlite:///{file}")
    _fill(file, options.sessions, now)
    tokens = _tokens(folder, file, now)
    postgres = PostgresServer(configuration=DURABLE)
    try:
        there = postgres.new_database(template="template0")
        copied = _copy(deployment, there)
        size = execute(there, "SELECT pg_database_size(current_database())")[0][0]
        sizes = {"source_mb": file.stat().st_size // 10**6, "copy_mb": size // 10**6}
        print(json.dumps({"from": "sqlite", "to": "postgres", **copied, **sizes}))
        tokens = _refresh_all(deployment, tokens)
        copied = _copy(deployment, f"sqlite:///{folder}/back.db")
        sizes = {"copy_mb": (folder / "back.db").stat().st_size // 10**6}
        print(json.dumps({"from": "postgres", "to": "sqlite", **copied, **sizes}))
        _refresh_all(deployment, tokens)
    finally:
        postgres.stop()


if __name__ == "__main__":
    main()
