"""No value of the service shows a secret that it holds, so none can slip into a log by accident."""

import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import get_args, get_type_hints
from uuid import UUID

import msgspec
import pytest

import satmint
from satmint.http.answers import ApiTokenAnswer
from satmint.http.body_schema import Members
from satmint.http.call import Call
from satmint.model.secrets import SecretText
from satmint.settings import Settings
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


def kinds() -> Iterator[type]:
    """Every class of the service."""
    for found in pkgutil.walk_packages(satmint.__path__, "satmint."):
        if found.name != "satmint.__main__":
            for kind in vars(import_module(found.name)).values():
                if isinstance(kind, type) and kind.__module__ == found.name:
                    yield kind


def kinds_with_secrets() -> list[type]:
    return sorted({kind for kind in kinds() if secrets_of(kind)}, key=name_of)


def name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize("kind", kinds_with_secrets(), ids=name_of)
def test_a_value_that_holds_a_secret_does_not_show_it(kind: type) -> None:
    value = kind(**{**dict.fromkeys(members_of(kind)), **secrets_of(kind)})
    assert_hidden(value)


def assert_hidden(value: object) -> None:
    """Assert that nothing shows the mark: neither text nor the members that rich asks for."""
    assert MARK not in repr(value)
    assert MARK not in str(value)
    for_rich = getattr(value, "__rich_repr__", tuple)
    assert MARK not in repr(list(for_rich()))


def test_a_struct_with_a_repr_of_its_own_has_one_for_rich_too() -> None:
    structs = [kind for kind in kinds() if issubclass(kind, msgspec.Struct)]
    own = [kind for kind in structs if kind.__repr__ is not msgspec.Struct.__repr__]
    assert len(own) > 20
    shows = msgspec.Struct.__rich_repr__
    assert [name_of(kind) for kind in own if kind.__rich_repr__ is shows] == []
    assert [name_of(kind) for kind in own if "shown" in kind.__struct_fields__] == []


def test_settings_do_not_show_the_password_of_the_database() -> None:
    assert_hidden(Settings(database=f"postgresql://me:{MARK}@db/satmint"))


def test_what_is_shown_beside_a_secret_tells_values_apart() -> None:
    device = UUID(int=7)
    answer = ApiTokenAnswer(device, "name", [], MARK)
    assert repr(answer) == f"ApiTokenAnswer({device}, hidden)"
    assert list(answer.__rich_repr__()) == [("id", device), ("hidden", True)]


def test_a_request_does_not_show_its_body() -> None:
    headers = {b"authorization": MARK.encode()}
    call = Call({}, b"", ORIGIN, headers)
    assert_hidden(call)
    assert_hidden(Members({"password": MARK}))


def test_the_kinds_that_matter_are_among_those_looked_at() -> None:
    names = {name_of(kind).rpartition(".")[2] for kind in kinds_with_secrets()}
    assert {"TokenPair", "SubscriberTokens", "SubscriberTokenRequest", "MasterKey", "Demo"} <= names
