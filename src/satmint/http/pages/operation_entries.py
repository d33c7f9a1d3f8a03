"""The operations of an OpenAPI document, as the reference shows them."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from satmint.http.body_schema import JsonSchema
from satmint.http.examples import answer_example, request_example
from satmint.http.openapi import CODES
from satmint.http.openapi_groups import group_name
from satmint.http.pages.schema_text import (
    Member,
    members_of,
    resolve,
    rules_of,
    type_text,
    without_null,
)

Document = dict[str, Any]

_JSON: Final = "application/json"
_PLACEHOLDER: Final = re.compile(r"\{\w+\}")
_NEXT_QUERY: Final = "page_number=1&page_token=WzE3NjM…"
_DESTRUCTIVE_VERBS: Final = frozenset({"cut", "delete", "disable", "expire", "reset", "revoke"})
"""The first words of the ids of operations that end or delete something."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An accepted kind of credentials."""

    scheme: str
    """`Basic`, `Bearer` or `DPoP`."""
    permissions: tuple[str, ...] = ()
    """The permissions of which an API token needs any one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a successful request."""

    status: int
    description: str
    media_type: str = ""
    """Empty: the response has no content."""
    example: str = ""
    members: tuple[Member, ...] = ()
    secret: bool = False
    """Whether caches must not store it."""


@dataclass(frozen=True, slots=True)
class RefusalGroup:
    """The codes with which an operation can respond, for one status."""

    status: int
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParameterInput:
    """A parameter that the reader of the page can enter."""

    name: str
    location: str
    """`path`, `query` or `header`."""
    hint: str
    """Its type."""
    required: bool
    choices: tuple[str, ...] = ()
    """All values; empty: any value of the type."""


@dataclass(frozen=True, slots=True)
class OperationEntry:
    """An operation."""

    id: str
    group: str
    """The name of its group in paths."""
    method: str
    path: str
    summary: str
    description: str
    credentials: tuple[Credentials, ...]
    """Any one of these is sufficient; empty: none are required."""
    parameters: tuple[Member, ...]
    body: tuple[Member, ...]
    answer: Answer
    refusals: tuple[RefusalGroup, ...]
    curl: str
    inputs: tuple[ParameterInput, ...] = ()
    body_example: str = ""
    """A minimal request body, indented; empty: the operation has none."""

    @property
    def is_destructive(self) -> bool:
        """Whether it deletes or ends something, which a reader must confirm before trying it."""
        return self.method == "DELETE" or self.id.partition("-")[0] in _DESTRUCTIVE_VERBS

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of all parameters and members, each once."""
        members = (*self.parameters, *self.body, *self.answer.members)
        names = (member.name.rpartition(".")[2].removesuffix("[]") for member in members)
        return tuple(dict.fromkeys(names))

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes with which it can respond."""
        return tuple(code for refusal in self.refusals for code in refusal.codes)


@dataclass(frozen=True, slots=True)
class OperationGroup:
    """The operations with the same tag."""

    name: str
    anchor: str
    """Its name in paths and fragments."""
    description: str
    operations: tuple[OperationEntry, ...]

    @property
    def size(self) -> int:
        """The number of its operations."""
        return len(self.operations)


def read_groups(document: Document) -> tuple[OperationGroup, ...]:
    """Return the operations of an OpenAPI document that `satmint.http.openapi` generated."""
    reader = _DocumentReader(document["servers"][0]["url"], document["components"])
    entries = [
        (operation["tags"][0], reader.entry(path, method, operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return tuple(
        OperationGroup(
            tag["name"],
            group_name(tag["name"]),
            tag["description"],
            tuple(entry for name, entry in entries if name == tag["name"]),
        )
        for tag in document["tags"]
    )


class _DocumentReader:
    """Reads operations from an OpenAPI document."""

    def __init__(self, server: str, components: Mapping[str, Any]) -> None:
        self._server = server
        self._schemas: Mapping[str, JsonSchema] = components["schemas"]
        self._responses: Mapping[str, Any] = components["responses"]

    def entry(self, path: str, method: str, operation: Document) -> OperationEntry:
        """Return the entry of one operation."""
        responses = operation["responses"]
        success = next(iter(responses))
        credentials = tuple(_credentials(operation["security"]))
        name, body_schema = self._body(operation)
        return OperationEntry(
            id=operation["operationId"],
            group=group_name(operation["tags"][0]),
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            description=operation.get("description", ""),
            credentials=credentials,
            parameters=tuple(_parameters(operation)),
            body=tuple(members_of(_without_nulls(body_schema), self._schemas)),
            answer=self._answer(int(success), responses[success], self._url(path)),
            refusals=tuple(self._refusal_groups(responses)),
            curl=self._curl(path, method.upper(), credentials, name, body_schema),
            inputs=tuple(_inputs(operation)),
            body_example=_indented(request_example(name, body_schema)) if body_schema else "",
        )

    def _body(self, operation: Document) -> tuple[str, JsonSchema]:
        if "requestBody" not in operation:
            return "", {}
        schema = operation["requestBody"]["content"][_JSON]["schema"]
        return schema["$ref"].rpartition("/")[2], resolve(schema, self._schemas)

    def _answer(self, status: int, response: Document, url: str) -> Answer:
        description = response["description"]
        secret = "Cache-Control" in response["headers"]
        if "content" not in response:
            return Answer(status, description)
        media_type, content = next(iter(response["content"].items()))
        schema = content["schema"]
        body_schema = resolve(schema, self._schemas)
        if "properties" not in body_schema:
            return Answer(status, description, media_type)
        example = answer_example(schema, self._schemas)
        if isinstance(example, dict) and "links" in example:
            example["links"] = {"self": url, "first": url, "next": f"{url}?{_NEXT_QUERY}"}
        members = tuple(members_of(body_schema, self._schemas))
        return Answer(status, description, media_type, _indented(example), members, secret)

    def _refusal_groups(self, responses: Document) -> Iterator[RefusalGroup]:
        for status, response in responses.items():
            if int(status) < 300:
                continue
            if "$ref" in response:
                found = self._responses[response["$ref"].rpartition("/")[2]]
            else:
                found = response
            if CODES in found:
                yield RefusalGroup(int(status), tuple(found[CODES]))

    def _curl(
        self,
        path: str,
        method: str,
        credentials: tuple[Credentials, ...],
        name: str,
        body_schema: JsonSchema,
    ) -> str:
        """Return a shell command for the request; the reader sets `$SAT` and the like."""
        lines = ["curl" if method in ("GET", "POST") else f"curl -X {method}"]
        if method == "POST" and not body_schema:
            lines = ["curl -X POST"]
        schemes = [one.scheme for one in credentials]
        if "Basic" in schemes:
            lines[0] += ' -u "$SIGNALWIRE_PROJECT_ID:$SIGNALWIRE_API_TOKEN"'
        elif "Bearer" in schemes:
            lines[0] += ' -H "Authorization: Bearer $SAT"'
        if body_schema:
            body = json.dumps(request_example(name, body_schema), ensure_ascii=False)
            lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
        lines.append(shlex.quote(self._url(path)))
        return " \\\n  ".join(lines)

    def _url(self, path: str) -> str:
        example = answer_example({"type": "string", "format": "uuid"}, {})
        return self._server + _PLACEHOLDER.sub(str(example), path)


def _credentials(security: list[dict[str, list[str]]]) -> Iterator[Credentials]:
    if any("subscriber_token" in one for one in security):
        yield Credentials("Bearer")
    if any("bound_token" in one for one in security):
        yield Credentials("DPoP")
    permissions = [name for one in security for name in one.get("api_token", ())]
    if permissions:
        yield Credentials("Basic", tuple(permissions))


def _parameters(operation: Document) -> Iterator[Member]:
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        yield Member(
            parameter["name"],
            type_text(schema),
            parameter["required"],
            tuple(rules_of(schema)),
            parameter.get("description", "") or "Path parameter.",
        )


def _inputs(operation: Document) -> Iterator[ParameterInput]:
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        yield ParameterInput(
            parameter["name"],
            parameter["in"],
            type_text(schema),
            parameter["required"],
            tuple(str(choice) for choice in schema.get("enum", ()) if choice is not None),
        )


def _without_nulls(body_schema: JsonSchema) -> JsonSchema:
    """Return a body's schema without null, which the page's conventions mention for all members."""
    members = body_schema.get("properties", {})
    return {
        **body_schema,
        "properties": {name: without_null(member) for name, member in members.items()},
    }


def _indented(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
