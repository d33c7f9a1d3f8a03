"""Requests of the plugin to the server: its API, and the control endpoint of `satmint dev`."""

import json
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import count
from typing import Any, Final
from urllib.parse import quote, urlsplit

OWN_REQUESTS: Final = "pytest-satmint-"
"""How the `X-Request-Id` of the plugin's own requests begins."""
_DEV: Final = "/api/satmint/dev"
_TIMEOUT_SECONDS: Final = 60
_NUMBERS: Final = count(1)


class SatmintError(Exception):
    """The server refused a request of the plugin, or did not answer it."""


class Control:
    """Sends requests with the credentials of the demo project.

    Every request has a connection of its own, and blocks. The server is another process, so that a
    test on an event loop may call it.
    """

    def __init__(self, url: str, project_id: str, api_token: str) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: The server's http URL.
            project_id: The demo project.
            api_token: Its API token, with all permissions.
        """
        self._netloc = urlsplit(url).netloc
        self._basic = b64encode(f"{project_id}:{api_token}".encode()).decode()

    def dev(self, method: str, path: str = "", **members: object) -> Any:
        """Call an operation of the control endpoint.

        Args:
            method: The HTTP method.
            path: What follows `/api/satmint/dev`.
            members: The members of the body; without any, there is none.

        Returns:
            The decoded answer; None if it is empty.

        Raises:
            SatmintError: the server refused the request, or did not answer.
        """
        return self.api(method, f"{_DEV}{path}", members or None)

    def api(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Call an operation of the API. See `dev`."""
        headers = {
            "Authorization": f"Basic {self._basic}",
            "X-Request-Id": f"{OWN_REQUESTS}{next(_NUMBERS)}",
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = HTTPConnection(self._netloc, timeout=_TIMEOUT_SECONDS)
        try:
            encoded = None if body is None else json.dumps(body)
            connection.request(method, quote(path), encoded, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise SatmintError(f"satmint did not answer {method} {path}: {reason}") from error
        finally:
            connection.close()
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise SatmintError(
                f"satmint refused {method} {path} with {response.status}: {_reasons(content)}"
            )
        return json.loads(content) if content else None


def _reasons(content: bytes) -> str:
    """What an error response says."""
    try:
        found = json.loads(content)
    except ValueError:
        return content.decode(errors="replace").strip()
    errors = found.get("errors") if isinstance(found, dict) else None
    if errors:
        return " ".join(str(one.get("message", one)) for one in errors)
    return str(found.get("error", found)) if isinstance(found, dict) else str(found)
