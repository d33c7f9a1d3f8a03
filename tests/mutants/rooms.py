"""What is mutated, and which tests have to notice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Room:
    """Modules, and the tests that have to notice a mistake in them."""

    name: str
    modules: tuple[str, ...]
    """Globs from the root of the repository."""
    tests: tuple[str, ...]
    """From `folder`."""
    select: str = ""
    """Which of them (`pytest -k`); empty: all."""
    folder: str = "."
    """Where pytest runs."""
    source: str = "src"
    """The import root that is copied and mutated."""
    python: str = ".venv/bin/python"
    options: tuple[str, ...] = ()
    """Of pytest."""
    constants: bool = False
    """Whether numbers at module level are rules, and no tuning."""
    root: Path = ROOT
    """Of the repository."""

    def files(self) -> list[Path]:
        """The modules, from the root of the repository."""
        found = {path for glob in self.modules for path in self.root.glob(glob)}
        return sorted(path.relative_to(self.root) for path in found if path.name != "__init__.py")


ROOMS: Final = (
    Room(
        "model",
        ("src/satmint/model/*.py",),
        ("tests/unit/model",),
        constants=True,
    ),
    Room(
        "jose",
        ("src/satmint/jose/*.py", "src/satmint/keyring_*.py", "src/satmint/private_file.py"),
        (
            *("tests/unit/jose", "tests/vectors", "tests/unit/test_keyring_file_encryption.py"),
            *("tests/unit/test_keyring_watch.py", "tests/unit/test_private_file.py"),
        ),
        constants=True,
    ),
    Room(
        "dpop",
        ("src/satmint/dpop/*.py",),
        ("tests/unit/dpop", "tests/vectors", "tests/http/test_device_proofs.py"),
        constants=True,
    ),
    Room(
        "flows",
        ("src/satmint/flows/*.py",),
        (
            *("tests/unit/flows", "tests/http/test_invites.py"),
            *("tests/http/test_restored_database.py", "tests/http/test_revocation_feed.py"),
            *("tests/http/test_webhook_deliveries.py", "tests/http/test_rate_limits.py"),
            *("tests/http/test_deployment_check.py", "tests/http/test_registered_devices.py"),
            *("tests/http/test_conference_rooms.py", "tests/http/test_project_sessions.py"),
            *("tests/http/test_resources.py", "tests/http/test_idempotency_keys.py"),
            *("tests/http/test_subscriber_tokens.py", "tests/http/test_project_tokens.py"),
            *("tests/http/test_idempotency_of_invites.py", "tests/unit/test_assembly.py"),
        ),
        select="not postgres",
    ),
    Room(
        "sqlite",
        ("src/satmint/store/sqlite/*.py", "src/satmint/store/group_commit.py"),
        (
            "tests/unit/store",
            "tests/store",
            "tests/cli/test_backup.py",
            "tests/cli/test_restored_sqlite.py",
            "tests/faults/test_storage_errors.py",
        ),
        select="not postgres",
    ),
    Room(
        "gateway",
        ("src/satmint/gateway/**/*.py",),
        ("tests/gateway/test_protocol.py", "tests/gateway"),
        select="not postgres",
    ),
    Room(
        "http",
        ("src/satmint/http/*.py",),
        ("tests/unit/http", "tests/http"),
    ),
    Room("server", ("src/satmint/server/*.py",), ("tests/server", "tests/wire")),
    Room("webhooks", ("src/satmint/webhooks/*.py",), ("tests/webhooks",)),
    Room(
        "sdk",
        (
            "packages/satmint-sdk/src/satmint_sdk/credentials/refresh/*.py",
            "packages/satmint-sdk/src/satmint_sdk/credentials/stores/*.py",
            "packages/satmint-sdk/src/satmint_sdk/_retry.py",
        ),
        ("tests/credentials", "tests/rest/test_retry.py"),
        folder="packages/satmint-sdk",
        source="packages/satmint-sdk/src",
        python=".venv-sdk/bin/python",
        options=("-o", "pythonpath=tests"),  # without `src`, which would hide the mutated copy
    ),
)
