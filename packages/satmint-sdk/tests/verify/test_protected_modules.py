"""What the modules for frameworks promise, and what importing them loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import satmint_sdk

SOURCE: Final = Path(satmint_sdk.__file__).parent.parent
FRAMEWORKS: Final = frozenset({"fastapi", "starlette", "flask", "werkzeug", "django", "asgiref"})
LOADS: Final = {
    "satmint_sdk.verify": frozenset[str](),
    "satmint_sdk.verify.asgi": frozenset[str](),
    "satmint_sdk.verify.wsgi": frozenset[str](),
    "satmint_sdk.verify.fastapi": frozenset({"fastapi", "starlette"}),
    "satmint_sdk.verify.flask": frozenset({"flask", "werkzeug"}),
    "satmint_sdk.verify.django": frozenset({"django", "asgiref"}),
}
NAMES: Final = {
    "asgi": {"TokenMiddleware", "TokenScopes", "TokenUser"},
    "wsgi": {"TokenMiddleware"},
    "fastapi": {"TokenRequired"},
    "flask": {"TokenRequired"},
    "django": {"TokenRequired"},
}


@pytest.mark.parametrize("module", LOADS)
def test_no_framework_is_imported_but_that_of_the_module(module: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert FRAMEWORKS & set(done.stdout.split()) == LOADS[module]


@pytest.mark.parametrize("name", NAMES)
def test_public_names_are_exactly_those_promised(name: str) -> None:
    module = __import__(f"satmint_sdk.verify.{name}", fromlist=["__all__"])
    assert set(module.__all__) == NAMES[name]
    assert all(getattr(module, public).__doc__ for public in module.__all__)
