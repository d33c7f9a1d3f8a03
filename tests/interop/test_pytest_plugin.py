"""The vendor's SDK, and a page of Playwright, in tests that use pytest-satmint."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.interop.vendor import ROOT, playwright_python, vendor_python
from tests.kit.chromium import MISSING, chromium_program
from tests.kit.dev import clean_environment

_TEST: Final = """
import os
import subprocess

PROGRAM = '''
from signalwire.rest import RestClient, SignalWireRestError

tokens = RestClient().fabric.tokens
pair = tokens.create_subscriber_token(reference="ada@example.com")
try:
    tokens.refresh_subscriber_token(refresh_token=pair["refresh_token"])
except SignalWireRestError:
    pair = tokens.refresh_subscriber_token(refresh_token=pair["refresh_token"])
print(pair["token"])
'''


def test_client(satmint, satmint_faults, satmint_calls):
    with satmint_faults.lose_answer("refresh-subscriber-token"):
        done = subprocess.run(
            [os.environ["VENDOR_PYTHON"], "-c", PROGRAM], capture_output=True, text=True, check=True
        )
    said = satmint.control.api(
        "POST", "/api/satmint/tokens/introspect", {"token": done.stdout.strip()}
    )
    assert said["active"]
    assert [str(call) for call in satmint_calls()] == [
        "create-subscriber-token 200",
        "refresh-subscriber-token 201 (lose_answer)",
        "refresh-subscriber-token 201",
    ]
"""


_LAUNCHING: Final = """
import os
import pytest

@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    own = {"executable_path": os.environ["CHROMIUM"], "chromium_sandbox": False}
    return {**browser_type_launch_args, **own}
"""

_PAGE: Final = """
import pytest

@pytest.mark.browser_context_args(ignore_https_errors=True)
def test_page(page, satmint, satmint_subscriber, satmint_faults):
    page.goto(satmint.https_url)
    assert "satmint" in page.title()
    info, headers = f"{satmint.https_url}/api/fabric/subscriber/info", satmint_subscriber().headers
    with satmint_faults.refuse(503, "get-subscriber-info"):
        assert page.request.get(info, headers=headers).status == 503
    assert page.request.get(info, headers=headers).status == 200
"""


def test_page_of_playwright_and_the_fixtures_in_one_test(tmp_path: Path) -> None:
    """In an environment without the server, which is on the PATH."""
    chromium = chromium_program()
    if chromium is None:
        pytest.skip(MISSING)
    (tmp_path / "conftest.py").write_text(_LAUNCHING, encoding="utf-8")
    (tmp_path / "test_page.py").write_text(_PAGE, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    source = ROOT / "packages" / "pytest-satmint" / "src"
    options = ("-q", "-p", "no:cacheprovider", "-p", "pytest_satmint.plugin")
    done = subprocess.run(
        [str(playwright_python()), "-m", "pytest", *options],
        cwd=tmp_path,
        env=clean_environment(CHROMIUM=chromium, PYTHONPATH=str(source), PATH=path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_vendors_sdk_meets_the_faults_of_the_fixtures(tmp_path: Path) -> None:
    (tmp_path / "test_client.py").write_text(_TEST, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"],
        cwd=tmp_path,
        env=clean_environment(VENDOR_PYTHON=str(vendor_python())),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
