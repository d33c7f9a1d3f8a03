"""No value of the service shows a secret that it holds, so none can slip into a log by accident."""

import pkgutil
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import get_args, get_type_hints

import msgspec
import pytest

import satmint
from satmint.http.body_schema import Members
from satmint.http.call import Call
from satmint.model.secrets import SecretText
from tests.kit.service import ORIGIN

MARK = "zq7Hidden7qz"
SECRET_NAMES = frozenset(
    {"api_token", "c2c_token", "password", "password_hash", "refresh_token", "secret", "token"}
)


def members_of(kind: type) -> tuple[str, ...]:
    """The names of what a record holds; nothing for a class that is no record."""
    if is_dataclass(kind):
        return tuple(field.name for field in fields(kind) if field.init)
    return kind.__struct_fields__ if issubclass(kind, msgspec.Struct) else ()


def secrets_of(kind: type) -> dict[str, object]:
    """A secret for each member that is one by its name and by its type."""
    names = SECRET_NAMES.intersection(members_of(kind))
    found: dict[str, object] = {}
    for name in names:
        hint = get_type_hints(kind)[name]
        types = {hint, *get_args(hint)}
        if SecretText in types:
            found[name] = SecretText(MARK)
        elif str in types:
            found[name] = MARK
        elif bytes in types:
            found[name] = MARK.encode()
    return found


def kinds_with_secrets() -> list[type]:
    kinds: set[type] = set()
    for found in pkgutil.walk_packages(satmint.__path__, "satmint."):
        if found.name != "satmint.__main__":
            for kind in vars(import_module(found.name)).values():
                if isinstance(kind, type) and kind.__module__ == found.name and secrets_of(kind):
                    kinds.add(kind)
    return sorted(kinds, key=name_of)


def name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize("kind", kinds_with_secrets(), ids=name_of)
def test_a_value_that_holds_a_secret_does_not_show_it(kind: type) -> None:
    value = kind(**{**dict.fromkeys(members_of(kind)), **secrets_of(kind)})
    assert MARK not in repr(value)
    assert MARK not in str(value)


def test_a_request_does_not_show_its_body() -> None:
    headers = {b"authorization": MARK.encode()}
    call = Call({}, b"", ORIGIN, headers)
    assert MARK not in repr(call)
    assert MARK not in repr(Members({"password": MARK}))


def test_the_kinds_that_matter_are_among_those_looked_at() -> None:
    names = {name_of(kind).rpartition(".")[2] for kind in kinds_with_secrets()}
    assert {"TokenPair", "SubscriberTokens", "SubscriberTokenRequest", "MasterKey", "Demo"} <= names
