"""A request for a page of the console, as its handler sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from satmint.console.session import ConsoleSession
from satmint.console.viewer import Operator, Viewer
from satmint.model.events import Origin
from satmint.model.ids import as_uuid
from satmint.model.records import Project
from satmint.model.refusals import Code, FieldError, NotFound, Unprocessable

ROOT: Final = "/console"
_MAX_FIELDS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleRequest:
    """A request of somebody who is signed in."""

    path: str
    """The path of the page, with `/console`."""
    params: Mapping[str, str]
    """The values of the path's placeholders."""
    query: Mapping[str, str]
    """The parameters of the query string; empty ones are left out."""
    repeated: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """All values of each parameter, in order, such as of checked boxes."""
    form: Mapping[str, Sequence[str]]
    """The fields of a form that was sent, in order."""
    session: ConsoleSession = field(repr=False)
    origin: Origin
    """For audit events. Its agent begins with `console`."""
    now: int
    """Unix seconds."""
    current: Project | None
    """The project in view: that of the path, or the one that was looked at last."""

    @property
    def viewer(self) -> Viewer:
        """Who asks."""
        return self.session.viewer

    @property
    def is_operator(self) -> bool:
        """Whether the operator asks."""
        return isinstance(self.viewer, Operator)

    @property
    def project(self) -> Project:
        """The project of the path; only for pages whose path begins with `/projects/{project}`.

        The viewer may see it.
        """
        if self.current is None or "project" not in self.params:
            raise TypeError("this page is not of a project")
        return self.current

    def path_id(self, name: str) -> UUID:
        """The UUID in a placeholder of the path.

        Raises:
            NotFound: the value is not a UUID.
        """
        found = as_uuid(self.params[name])
        if found is None:
            raise NotFound("not_an_id")
        return found

    def text(self, name: str) -> str:
        """A field of the form, without spaces around it; "" if it is missing."""
        values = self.form.get(name, ())
        return values[-1].strip() if values else ""

    def texts(self, name: str) -> Sequence[str]:
        """All values of a field of the form, such as of checked boxes."""
        return self.form.get(name, ())

    def form_id(self, name: str) -> UUID:
        """The UUID in a field of the form.

        Raises:
            NotFound: the value is not a UUID.
        """
        found = as_uuid(self.text(name))
        if found is None:
            raise NotFound("not_an_id")
        return found

    def project_path(self, *parts: str) -> str:
        """A path below the project in view: `project_path("sessions", str(session.id))`."""
        current = self.current
        if current is None:
            return f"{ROOT}/projects"
        return "/".join((f"{ROOT}/projects/{current.id}", *parts))


def link(path: str, **query: object) -> str:
    """A URL with the parameters that are neither None nor empty."""
    given = {name: str(value) for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def read_query(query_string: bytes) -> dict[str, str]:
    """The parameters of a query string that are not empty; the last one of each name.

    Raises:
        Unprocessable: it is malformed.
    """
    return {name: value for name, value in _pairs(query_string) if value.strip()}


def read_form(body: bytes) -> dict[str, Sequence[str]]:
    """The fields of a form (`application/x-www-form-urlencoded`).

    Raises:
        Unprocessable: it is malformed.
    """
    fields: dict[str, list[str]] = {}
    for name, value in _pairs(body):
        # Browsers send line breaks in this form.
        fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return {**fields}


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError as error:
        raise _malformed("is malformed") from error
    if any("\0" in text for pair in pairs for text in pair):
        raise _malformed("contains NUL")
    return pairs


def _malformed(problem: str) -> Unprocessable:
    return Unprocessable(FieldError(Code.INVALID_PARAMETER, f"The form {problem}"))
