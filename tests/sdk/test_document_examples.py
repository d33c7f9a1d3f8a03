"""Every piece of Python and shell in the documents runs, as it stands, against a real server.

A reader pastes it after `satmint dev` and the lines that it prints; so does this. Each Python
program must end well, say something, and say nothing that is false or on standard error.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.house.tree import ROOT, files, named
from tests.interop.vendor import vendor_python
from tests.kit.dev import DevServer, running_dev
from tests.sdk.environment import done, pointed_at, sdk_python

DOCUMENTS: Final = [path for path in files() if path.suffix == ".md"]
RUN: Final = frozenset({"python", "sh"})
KNOWN: Final = RUN | {"js", "text", "json", "toml", "ini", "sql", "http", "mermaid", "yaml", "diff"}
FENCE: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
COMMENTED: Final = re.compile(r'  # ("\w+":\w+)$', re.MULTILINE)
"""A comment beside a command that is a member of the JSON that it prints."""
_SECONDS: Final = 60


NAMED: Final = re.compile(r"# (conftest|test_\w+)\.py$")
"""How a block begins that is a file of tests, and not a program."""


class Piece(NamedTuple):
    """A fenced block of a document."""

    document: str
    language: str
    text: str

    @property
    def begins(self) -> str:
        """Its first line, by which the table below knows it."""
        return self.text.splitlines()[0]


_PG_DUMP: Final = (
    "pg_dump --format=custom --no-owner --file=satmint.dump"
    " postgresql://satmint@db.example.com/satmint"
)
_ASK_KMS: Final = (
    "export SATMINT_KEYRING_KEK='command:aws kms decrypt --ciphertext-blob"
    " fileb:///etc/satmint/kek.bin --query Plaintext --output text'"
)

NOT_RUN: Final[dict[tuple[str, str], str]] = {
    (
        "docs/operating.md",
        "satmint project export PROJECT > project.jsonl",
    ): "it names a project of somebody's own; tests/cli/test_project_transfer.py does it",
    (
        "docs/operating.md",
        "   satmint db copy --to postgresql://satmint@db.example.com/satmint",
    ): "it names a server of somebody's own; tests/cli/test_database_copy.py does it",
    (
        "docs/operating.md",
        "satmint db restore FILE",
    ): "it replaces a database and asks first; tests/cli/test_restored_sqlite.py does it",
    (
        "docs/try.md",
        "npm ci --prefix tests/browser",
    ): "it would ask an index; `make test` does it, and tests/browser uses what it brings",
    (
        "README.md",
        "make run     # sets up, starts a development server, prints what to paste",
    ): "the first of the two goes on until it is stopped, and the second one is what runs this",
    (
        "docs/guides/README.md",
        "pip install swsh",
    ): "it would ask an index; tests/interop/test_command_line.py runs the command line",
    (
        "docs/operating.md",
        "createdb satmint",
    ): "it speaks of a machine that is not there; tests/cli/test_postgres.py does it with one",
    (
        "docs/operating.md",
        _PG_DUMP,
    ): "the same; tests/cli/test_postgres.py restores what the line has dumped",
    (
        "docs/operating.md",
        _ASK_KMS,
    ): "it asks a key service; tests/unit/test_keyring_file_encryption.py runs others",
    (
        "docs/proof.md",
        "make soak      # an hour: 200 kills, faults, every answer judged",
    ): "it takes an hour; tests/soak has the short form of it",
    (
        "docs/proof.md",
        "make failover   # 20 minutes; as root, on Debian",
    ): "it takes minutes; tests/deploy/test_patroni.py is the short form of it",
    (
        "docs/proof.md",
        "make mutants                            # 40 mutants of each room",
    ): "it takes hours; tests/mutants tests its parts",
    (
        "README.md",
        "make dist && pipx install dist/satmint-0*.whl",
    ): "it would install for the user; docs/operating.md has the rest",
    (
        "packages/satmint-sdk/README.md",
        "pip install ./packages/satmint-sdk",
    ): "it would ask an index; tests/packages/test_installed.py installs the wheels",
    (
        "packages/satmint-sdk/README.md",
        "pip install -e '.[gateway]' pytest hypothesis mypy ruff",
    ): "it would ask an index, and run what `make check` and `make test` run",
    (
        "packages/satmint-signalwire/README.md",
        "pip install ./packages/satmint-sdk ./packages/satmint-signalwire",
    ): "it would ask an index; tests/interop/test_both_sdks_installed.py installs the wheels",
    (
        "packages/pytest-satmint/README.md",
        "pip install . ./packages/pytest-satmint ./packages/satmint-sdk",
    ): "it would ask an index; the plugin's own tests use it as `make setup` installs it",
    (
        "packages/satmint-signalwire/README.md",
        "pip install -e ../satmint-sdk -e . pytest mypy ruff",
    ): "it would ask an index, and run what `make check` and `make test` run",
}
"""What is not run, and why."""

SERVES: Final = frozenset({("docs/operating.md", "satmint keys init")})
"""What ends in a server that goes on: it is stopped once it listens, and must stop well."""


WITH_THE_VENDORS_SDK: Final = frozenset(
    {
        ("README.md", "from signalwire.rest import RestClient"),
        ("docs/guides/bad-days.md", "import os"),
        ("docs/guides/from-the-cloud.md", "from signalwire.rest import RestClient"),
        (
            "docs/guides/from-the-cloud.md",
            "from signalwire.rest import RestClient, SignalWireRestError",
        ),
    }
)
"""What is about the vendor's SDK runs with it."""

NODE: Final = frozenset({"docs/guides/from-the-cloud.md", "docs/guides/recipes.md"})
"""Documents whose JavaScript is programs for node; tests/browser runs that of the others."""


def pieces() -> Iterator[Piece]:
    for document in DOCUMENTS:
        for _, language, text in FENCE.findall(document.read_text(encoding="utf-8")):
            yield Piece(named(document), language, text)


PIECES: Final = list(pieces())


def to_run(language: str) -> list[Piece]:
    keys = NOT_RUN.keys() | SERVES
    return [
        piece
        for piece in PIECES
        if piece.language == language
        and (piece.document, piece.begins) not in keys
        and not NAMED.match(piece.begins)
    ]


def where(piece: Piece) -> str:
    return f"{piece.document}: {piece.begins}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    with running_dev(tmp_path_factory.mktemp("documents")) as running:
        yield running


def filled(text: str, server: DevServer) -> str:
    """With the blanks filled in that a reader fills in."""
    project, api_token = server.auth
    host = server["http"].removeprefix("http://")
    blanks = {
        "SIGNALWIRE_PROJECT_ID=…": f"SIGNALWIRE_PROJECT_ID={project}",
        "SIGNALWIRE_API_TOKEN=PT…": f"SIGNALWIRE_API_TOKEN={api_token}",
        "SIGNALWIRE_SPACE=127.0.0.1:8080": f"SIGNALWIRE_SPACE={host}",
        "your-project-id": project,
        "your-api-token": api_token,
        "your-space.signalwire.com": host,
    }
    for blank, value in blanks.items():
        text = text.replace(blank, value)
    return text


def shell(server: DevServer) -> dict[str, str]:
    """Both environments on the path, as somebody has them who set up both; a port that is free."""
    ours = [str(sdk_python().parent), str(Path(sys.executable).parent)]
    path = os.pathsep.join([*ours, os.environ["PATH"]])
    return {**pointed_at(server), "PATH": path, "SATMINT_PORT": "0"}


@pytest.mark.parametrize("piece", to_run("python"), ids=where)
def test_python_runs(piece: Piece, server: DevServer, tmp_path: Path) -> None:
    program = filled(piece.text, server)
    # Short examples do not close their client, as those of the vendor's documentation do not.
    strictly = ("-W", "error", "-W", "ignore::ResourceWarning")
    vendors = (piece.document, piece.begins) in WITH_THE_VENDORS_SDK
    python = vendor_python() if vendors else sdk_python()
    ended = done(python, *strictly, "-c", program, env=pointed_at(server), cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout
    assert "False" not in ended.stdout


@pytest.mark.parametrize("piece", [one for one in to_run("js") if one.document in NODE], ids=where)
def test_javascript_runs(piece: Piece, server: DevServer, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is missing, so the JavaScript does not run: apt-get install nodejs")
    program = ("--input-type=module", "--eval", filled(piece.text, server))
    ended = done("node", *program, env=shell(server), cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


@pytest.mark.parametrize(
    "document", sorted({one.document for one in PIECES if NAMED.match(one.begins)})
)
def test_tests_pass(document: str, server: DevServer, tmp_path: Path) -> None:
    """What a document has in files is put side by side, as a reader puts it."""
    for piece in PIECES:
        if piece.document == document and NAMED.match(piece.begins):
            (tmp_path / piece.begins.removeprefix("# ")).write_text(piece.text, encoding="utf-8")
    strictly = ("-W", "error", "-p", "no:cacheprovider", "-p", "pytest_satmint.plugin")
    plugin = ROOT / "packages" / "pytest-satmint" / "src"
    environment = {**shell(server), "PYTHONPATH": str(plugin)}
    ended = done(sdk_python(), "-m", "pytest", "-q", *strictly, env=environment, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert " passed" in ended.stdout


@pytest.mark.parametrize("piece", to_run("sh"), ids=where)
def test_shell_runs(piece: Piece, server: DevServer, tmp_path: Path) -> None:
    if "curl" in piece.text and shutil.which("curl") is None:
        pytest.skip("curl is missing, so the shell examples do not run: apt-get install curl")
    ended = done("sh", "-euc", filled(piece.text, server), env=shell(server), cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert '"error' not in ended.stdout
    assert [said for said in COMMENTED.findall(piece.text) if said not in ended.stdout] == []


@pytest.mark.parametrize(
    "piece",
    [piece for piece in PIECES if (piece.document, piece.begins) in SERVES],
    ids=where,
)
def test_shell_that_serves_comes_up_and_stops(
    piece: Piece, server: DevServer, tmp_path: Path
) -> None:
    with subprocess.Popen(
        ["sh", "-euc", filled(piece.text, server)],
        env={**shell(server), "SATMINT_LOG_FORMAT": "json"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as serving:
        assert serving.stderr is not None
        said = []
        too_long = threading.Timer(_SECONDS, os.killpg, (serving.pid, signal.SIGKILL))
        too_long.start()
        for line in serving.stderr:
            said.append(line)
            if '"listening"' in line:
                os.killpg(serving.pid, signal.SIGTERM)
        too_long.cancel()
    assert any('"stopped"' in line for line in said), said
    assert not any("Traceback" in line for line in said), said


def test_every_block_says_what_it_is() -> None:
    """A block without a language could hide a program that nobody runs."""
    unknown = [where(piece) for piece in PIECES if piece.language not in KNOWN]
    assert unknown == []


def test_no_block_is_overlooked() -> None:
    fences = sum(
        len(re.findall(r"^ *```", document.read_text(encoding="utf-8"), re.MULTILINE))
        for document in DOCUMENTS
    )
    assert fences == 2 * len(PIECES)


def test_what_is_said_not_to_run_is_there() -> None:
    found = {(piece.document, piece.begins) for piece in PIECES if piece.language in RUN}
    assert NOT_RUN.keys() | SERVES | WITH_THE_VENDORS_SDK <= found


def test_there_is_a_program_for_each_way_to_hold_a_credential() -> None:
    with_programs = {Path(piece.document) for piece in to_run("python")}
    guides = {path.stem for path in with_programs if path.parent == Path("docs/guides")}
    assert guides >= {
        *("signed-in-user", "guest", "embed", "invite"),
        *("backend-refresh", "client-bound", "live-session"),
    }
