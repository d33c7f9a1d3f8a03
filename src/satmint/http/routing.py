"""Routing from a method and a path to an operation."""

import re
from collections.abc import Iterable
from typing import Final

from satmint.http.operations import Operation

_PLACEHOLDER: Final = re.compile(r"\\\{(\w+)\\\}")
"""A placeholder in a path that is escaped for a pattern: `{id}`."""


class Resource:
    """The operations of one path, by method."""

    def __init__(self, path: str, operations: Iterable[Operation]) -> None:
        self.path = path
        self.operations = {operation.method: operation for operation in operations}
        if "GET" in self.operations:
            self.operations["HEAD"] = self.operations["GET"]
        allowed = ", ".join(sorted({*self.operations, "OPTIONS"}))
        self.allow = (b"allow", allowed.encode())
        self.pattern = re.compile(_PLACEHOLDER.sub(r"(?P<\1>[^/]+)", re.escape(path)))


class Router:
    """Finds the resource of a path."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        by_path: dict[str, list[Operation]] = {}
        for operation in operations:
            by_path.setdefault(operation.path, []).append(operation)
        resources = [Resource(path, found) for path, found in by_path.items()]
        self._exact = {found.path: found for found in resources if "{" not in found.path}
        self._patterns = [found for found in resources if "{" in found.path]

    def match(self, path: str) -> tuple[Resource | None, dict[str, str]]:
        """Return the resource at `path`, or None, and the values of the path's placeholders."""
        resource = self._exact.get(path)
        if resource is not None:
            return resource, {}
        for candidate in self._patterns:
            match = candidate.pattern.fullmatch(path)
            if match is not None:
                return candidate, match.groupdict()
        return None, {}

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation for a method and a path, or None."""
        resource, _ = self.match(path)
        return None if resource is None else resource.operations.get(method)
