"""Usage: python client.py URL CA_FILE PROJECT API_TOKEN requests|httpx.

CA_FILE must be in REQUESTS_CA_BUNDLE for requests, and in SSL_CERT_FILE for httpx.
"""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

URL, _CA_FILE, PROJECT, API_TOKEN, LIBRARY = sys.argv[1:]
STREAM = {"requests": "data", "httpx": "content"}[LIBRARY]
"""The argument of `post` that takes an iterator, which both libraries send chunked."""

library: Any = import_module(LIBRARY)
answers: list[dict[str, Any]] = []


def pieces(content: str) -> Iterator[bytes]:
    """A body of unknown length."""
    yield content[:10].encode()
    yield content[10:].encode()


def post(session: Any, step: str, path: str, **body: Any) -> str:  # noqa: ANN401 - of either library
    """Send one request; returns the refresh token of the answer."""
    url = f"{URL}/api/fabric/subscribers/tokens{path}"
    answer = session.post(url, auth=(PROJECT, API_TOKEN), **body)
    answers.append({"step": step, "status": answer.status_code, "body": answer.json()})
    return str(answers[-1]["body"].get("refresh_token"))


with library.Session() if LIBRARY == "requests" else library.Client() as session:
    token = post(session, "issue", "", json={"reference": "python@example.com"})
    for _ in range(3):
        token = post(session, "refresh", "/refresh", json={"refresh_token": token})
    stream = pieces(json.dumps({"refresh_token": token}))
    headers = {"content-type": "application/json"}
    post(session, "stream", "/refresh", headers=headers, **{STREAM: stream})
print(json.dumps(answers))
