"""What may be imported is a promise; what importing loads is one too."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import satmint_sdk
import satmint_sdk.credentials
import satmint_sdk.rest
import satmint_sdk.testing
import satmint_sdk.verify
from satmint_sdk.credentials import errors

SOURCE = Path(satmint_sdk.__file__).parent

REST = {
    "AsyncRestClient", "LastResponse", "RequestOptions", "RestClient", "SignalWireRestError",
    "SignalWireRestTooLargeError", "SignalWireRestTransportError",
}  # fmt: skip

CREDENTIALS = {
    "AuthenticateContext", "Authorization", "BlockingCredentialSession", "ClientEvent",
    "CompareAndSetMapping", "CompareAndSetRefreshTokenStore", "MAX_LOCK_SECONDS",
    "ReadableRefreshTokenStore", "SQLiteRefreshTokenStore",

    "ClientState", "Clock", "Connected",
    "Credential", "CredentialError", "CredentialExpired", "CredentialProvider", "CredentialRefused",
    "CredentialSession",
    "DPoPKey", "Disconnected", "EmbedTokenCredentialProvider", "Ended", "Entropy", "Expired",
    "Failed", "FileRefreshTokenStore", "GatewayError", "GatewayRefused", "GatewayUnreachable",
    "Instant", "InvalidCredential", "MemoryRefreshTokenStore", "Reauthenticated", "RefreshFailed",
    "RefreshTokenStore", "Refreshed", "RefreshingCredentialProvider", "RevokingCredentialProvider",
    "SessionClient",
    "SessionClosed", "SessionEvent", "SessionRevoked", "SessionStats", "StaticCredentialProvider",
    "StoreError", "StoreLocked", "StoreUnavailable",
    "SubscriberAuth", "SubscriberCredentialProvider", "SubscriberMembers", "TokenRecord",
    "TransientRefreshError", "Warned", "WentOffline", "WentOnline",
}  # fmt: skip

TESTING = {
    "FakeClock", "FakeEntropy", "FakeTokenService", "check_store", "make_token", "settle",
}  # fmt: skip

VERIFY = {
    "AnswerCounts", "AsyncVerifier", "CannotVerify", "FeedState", "RefusalCause", "TokenRefused",
    "UsedProofs", "VerifiedToken", "Verifier", "VerifierState",
}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "promised"),
    [
        (satmint_sdk.rest, REST),
        (satmint_sdk.credentials, CREDENTIALS),
        (satmint_sdk.testing, TESTING),
        (satmint_sdk.verify, VERIFY),
    ],
)
def test_public_names_are_exactly_those_promised(module: object, promised: set[str]) -> None:
    lazy = set(vars(module).get("_LATE", ())) & promised  # loaded when they are first used
    found = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "TYPE_CHECKING"
    }
    assert found | lazy == promised == set(vars(module)["__all__"])
    assert all(getattr(module, name) is not None for name in promised)


def test_dir_of_credentials_shows_nothing_private() -> None:
    assert set(dir(satmint_sdk.credentials)) == CREDENTIALS


def test_dir_of_verify_shows_nothing_private() -> None:
    assert set(dir(satmint_sdk.verify)) == VERIFY | {"errors"}


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(SOURCE.parent)!r})\n{code}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("heavy", ["httpx", "ssl", "asyncio", "cryptography", "email", "logging"])
def test_importing_the_rest_client_loads_nothing_heavy(heavy: str) -> None:
    assert heavy not in loaded_by("import satmint_sdk.rest")


@pytest.mark.parametrize("heavy", ["httpx", "websockets"])
def test_importing_credentials_loads_no_network_library(heavy: str) -> None:
    assert heavy not in loaded_by("import satmint_sdk.credentials")


@pytest.mark.parametrize("heavy", ["httpx", "cryptography"])
def test_importing_verify_loads_no_network_library_and_no_cryptography(heavy: str) -> None:
    assert heavy not in loaded_by("import satmint_sdk.verify")


def test_importing_credentials_loads_no_live_session() -> None:
    late = "satmint_sdk.credentials.live._client_socket"
    assert late not in loaded_by("import satmint_sdk.credentials")
    assert late in loaded_by("from satmint_sdk.credentials import SessionClient")


def test_making_a_client_loads_no_http_client() -> None:
    loaded = loaded_by("from satmint_sdk.rest import RestClient; RestClient('p', 't', 'localhost')")
    assert "httpx" not in loaded


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda file: file.stem)
def test_nothing_of_the_server_is_imported(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            assert not any(alias.name.split(".")[0] == "satmint" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] != "satmint"


def test_the_drawing_of_the_error_tree_is_the_tree() -> None:
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.match(r"    ([│ ]*)[├└]── (\w+)", line)
        if drawn is not None:
            depth = len(drawn[1]) // 4
            path = [*path[:depth], drawn[2]]
            parents[drawn[2]] = path[-2] if depth else "Exception"
    assert parents == {
        name: kind.__base__.__name__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__base__ is not None
    }


@pytest.mark.parametrize(
    "module",
    [satmint_sdk.rest, satmint_sdk.credentials, satmint_sdk.testing, satmint_sdk.verify],
)
def test_the_program_for_type_checkers_uses_every_public_name(module: ModuleType) -> None:
    program = Path(__file__).parent / "typed" / "whole_api.py"
    imported = {
        alias.name
        for node in ast.walk(ast.parse(program.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == module.__name__
        for alias in node.names
    }
    assert imported == set(module.__all__)
