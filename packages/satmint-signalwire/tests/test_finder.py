"""What `import signalwire` finds, in interpreters of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SAME = """
import importlib
for name in ("rest", "rest.errors", "rest.types", "credentials", "credentials.errors"):
    ours = importlib.import_module(f"satmint_sdk.{name}")
    theirs = importlib.import_module(f"signalwire.{name}")
    public = getattr(ours, "__all__", None) or [one for one in vars(ours) if one[0] != "_"]
    assert public
    assert all(getattr(theirs, one) is getattr(ours, one) for one in public), name
import satmint_sdk, signalwire
assert signalwire.__version__ == satmint_sdk.__version__
"""
FROM_SOURCE = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1] / 'src')!r})"
WHERE = "import signalwire; print(signalwire.__file__)"
PATH = "import sys; print([getattr(one, '__name__', '') for one in sys.meta_path])"
LATER = """
import importlib.util, sys
class Later:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return importlib.util.spec_from_file_location(name, FILE) if name == "signalwire" else None
sys.meta_path.append(Later)
import signalwire
print(signalwire.WHO)
"""


def run(code: str, *options: str, cwd: Path | None = None) -> str:
    ended = subprocess.run(
        [sys.executable, "-W", "error", *options, "-c", code],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.strip()


def a_package(folder: Path) -> Path:
    """A package called `signalwire` of somebody else."""
    (folder / "signalwire").mkdir()
    file = folder / "signalwire" / "__init__.py"
    file.write_text("WHO = 'somebody else'\n")
    return file


def test_every_name_is_the_same_object_under_both_names() -> None:
    run(SAME)


def test_the_finder_is_last_and_there_once() -> None:
    found = run(f"import satmint_signalwire as s; s.install(); {PATH}")
    assert found.endswith(", 'FallbackFinder']")
    assert found.count("FallbackFinder") == 1


def test_a_package_on_the_path_wins(tmp_path: Path) -> None:
    file = a_package(tmp_path)
    assert Path(run(WHERE, cwd=tmp_path)).samefile(file)
    missing = "import importlib.util as u; print(u.find_spec('signalwire.rest'))"
    assert run(missing, cwd=tmp_path) == "None"  # nothing of ours is mixed into it


def test_a_finder_that_came_later_wins(tmp_path: Path) -> None:
    """An editable install may have one, and there is no order among files of that kind."""
    assert run(LATER.replace("FILE", repr(str(a_package(tmp_path))))) == "somebody else"


def test_a_bare_directory_does_not_hide_the_modules(tmp_path: Path) -> None:
    (tmp_path / "signalwire").mkdir()
    run("from signalwire.rest import RestClient; import signalwire.rest.errors", cwd=tmp_path)
    run("from signalwire.credentials import CredentialSession", cwd=tmp_path)


def test_no_other_name_is_found() -> None:
    names = ("signalwire_sdk", "signalwire.agents", "signalwire.rest.client", "signalwire.core.x")
    code = f"import importlib\nfor name in {names}:\n  try: importlib.import_module(name)\n"
    run(f"{code}  except ModuleNotFoundError: continue\n  raise AssertionError(name)")


@pytest.mark.parametrize("option", ["-I", "-E", "-P"])
def test_it_works_in_isolation(option: str) -> None:
    run("from signalwire.rest import RestClient", option)


def test_the_start_of_an_interpreter_loads_the_finder_and_nothing_else() -> None:
    code = "before = set(sys.modules); import satmint_signalwire; print(*set(sys.modules) - before)"
    assert run(f"{FROM_SOURCE}; {code}", "-I", "-S") == "satmint_signalwire"


def test_the_start_of_an_interpreter_takes_no_time_that_counts() -> None:
    """About half a millisecond; the best of five is taken, since the machine does other things."""
    code = "import time; began = time.perf_counter(); import satmint_signalwire"
    ended = "print(time.perf_counter() - began)"
    took = [float(run(f"{FROM_SOURCE}; {code}; {ended}", "-I", "-S")) for _ in range(5)]
    assert min(took) < 0.005
