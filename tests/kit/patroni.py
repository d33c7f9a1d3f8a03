"""Three PostgreSQL servers under Patroni, with etcd and HAProxy: the files of `deploy/patroni`.

They are used as they are, but for addresses, paths, passwords and accounts.
"""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.house.tree import ROOT
from tests.kit.apt import install
from tests.kit.machines import Machine, Network
from tests.kit.polling import wait_until
from tests.kit.postgres import _end_with_parent, execute
from tests.kit.proxies import free_port

EXAMPLES: Final = ROOT / "deploy" / "patroni"
PACKAGES: Final = ("etcd-server", "patroni", "python3-etcd", "haproxy", "postgresql")
PASSWORDS: Final = ("API", "POSTGRES", "REPLICATION", "REWIND")
_MACHINES: Final = 3
_EXAMPLE_NAME: Final = "db1"
_EXAMPLE_ADDRESS: Final = "10.0.0.1"
"""Whose files the examples are."""
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin"
_PROGRAMS: Final = ("etcd", "patroni", "patronictl", "haproxy", "setpriv")
_START_SECONDS: Final = 120
_REJOIN_SECONDS: Final = 180
_CHECK_SECONDS: Final = 2
_STREAMING: Final = frozenset({"running", "streaming"})


class PatroniMissing(Exception):
    """The programs are not here and cannot be installed. The message says which."""


@cache
def programs() -> Path:
    """The folder of Debian's PostgreSQL programs; all that Patroni needs is installed if possible.

    Raises:
        PatroniMissing: something is not here.
    """
    missing = _missing()
    if missing:
        install(*PACKAGES)
        missing = _missing()
    if missing:
        raise PatroniMissing(
            f"{', '.join(missing)} is missing, so deploy/patroni is not tested."
            f" On Debian, as root: apt-get install {' '.join(PACKAGES)}"
        )
    return _postgres()[-1]


def _missing() -> list[str]:
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    return missing if _postgres() else [*missing, "postgresql"]


def _postgres() -> list[Path]:
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return sorted(folder for folder in folders if (folder / "pg_rewind").exists())


@dataclass(frozen=True, slots=True)
class Member:
    """What Patroni says of one of the servers."""

    name: str
    role: str
    state: str
    timeline: int


class PatroniCluster:
    """The cluster. Its servers have the names of the examples: db1, db2, db3."""

    def __init__(self, *, namespaces: bool = True, disk_megabytes: int = 0) -> None:
        """Start it; returns when the primary has a synchronous standby and another one.

        Args:
            namespaces: See `Network`.
            disk_megabytes: See `Machine`.

        Raises:
            PatroniMissing: the programs are not here.
        """
        self._programs = programs()
        self.network = Network(namespaces=namespaces)
        numbers = range(1, _MACHINES + 1)
        self.machines = {
            f"db{number}": Machine(self.network, number, disk_megabytes) for number in numbers
        }
        self.port = free_port()
        self._proxy: subprocess.Popen[bytes] | None = None
        try:
            self._configure()
            for machine in self.machines.values():
                self._start_etcd(machine)
            for machine in self.machines.values():
                self._start_patroni(machine)
            self._start_proxy()
            self.wait_until_whole(_START_SECONDS)
        except BaseException:
            self.stop()
            raise

    @property
    def primary(self) -> str:
        """The name of the server that holds the lease.

        Raises:
            AssertionError: nobody holds it.
        """
        return self.with_role("leader")

    def with_role(self, role: str) -> str:
        """The name of a server: `leader`, `sync_standby`, `replica`."""
        found = [member.name for member in self.members() if member.role == role]
        assert found, self.members()
        return found[0]

    def members(self) -> list[Member]:
        """What the servers say of all of them.

        They can disagree: a primary that was cut off may not know of its successor. The one that
        knows the latest timeline is believed.
        """
        views: list[list[Member]] = []
        for machine in self.machines.values():
            try:
                with urllib.request.urlopen(
                    f"http://{machine.address}:8008/cluster", timeout=_CHECK_SECONDS
                ) as answer:
                    listed = json.load(answer)["members"]
            except (OSError, urllib.error.HTTPError, ValueError):
                continue
            views.append(
                [
                    Member(
                        member["name"],
                        member["role"],
                        member["state"],
                        int(member.get("timeline", 0)),
                    )
                    for member in listed
                ]
            )
        return max(views, key=_latest_timeline, default=[])

    def is_whole(self) -> bool:
        """Whether there are a primary, a synchronous standby and another one, and all follow it."""
        members = self.members()
        return (
            sorted(member.role for member in members) == ["leader", "replica", "sync_standby"]
            and all(member.state in _STREAMING for member in members)
            and len({member.timeline for member in members}) == 1
        )

    def wait_until_whole(self, seconds: float = _REJOIN_SECONDS) -> None:
        """Return when the cluster is whole.

        Raises:
            AssertionError: it is not after so many seconds; what it says then.
        """
        try:
            wait_until(self.is_whole, seconds)
        except AssertionError as error:
            raise AssertionError(f"{self.members()}\n{self.logs()}") from error

    def wait_for_primary(self, is_it: Callable[[str], bool], seconds: float = 60) -> str:
        """The name of the primary, once it is one that `is_it` accepts."""
        found: list[str] = []

        def look() -> bool:
            names = [member.name for member in self.members() if member.role == "leader"]
            found[:] = [name for name in names if is_it(name)]
            return bool(found)

        wait_until(look, seconds)
        return found[0]

    def url(self, database: str = "satmint") -> str:
        """Where satmint reaches the primary: through HAProxy."""
        return self._url("satmint", _password("SATMINT"), database)

    def new_database(self, name: str = "satmint") -> str:
        """The URL of a new database, for a role that owns it and nothing else."""
        administrator = self._url("postgres", _password("POSTGRES"), "postgres")
        role = f"CREATE ROLE satmint LOGIN PASSWORD '{_password('SATMINT')}'"
        execute(administrator, role, f"CREATE DATABASE {name} OWNER satmint TEMPLATE template0")
        return self.url(name)

    def _url(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def restart(self, name: str) -> None:
        """Start a machine that was killed."""
        self._start_etcd(self.machines[name])
        self._start_patroni(self.machines[name])

    def switch_over(self, leader: str, candidate: str) -> None:
        """Have another server be the primary, on purpose."""
        machine = self.machines[candidate]
        command = ["patronictl", "-c", str(machine.folder / "patroni.yml"), "switchover"]
        where = ["--leader", leader, "--candidate", candidate, "--force", "satmint"]
        done = subprocess.run(
            machine.command(*command, *where),
            check=False,
            capture_output=True,
            text=True,
            cwd=machine.folder,
            env={**os.environ, "HOME": str(machine.folder), "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, (done.stdout, done.stderr)

    def logs(self, last: int = 4000) -> str:
        """The ends of the logs of all programs, for people."""
        files = [file for one in self.machines.values() for file in one.folder.glob("*.log")]
        return "\n".join(
            f"== {file}\n{file.read_text(errors='replace')[-last:]}" for file in sorted(files)
        )

    def stop(self) -> None:
        """End everything, and remove all files."""
        if self._proxy is not None:
            self._proxy.kill()
            self._proxy.wait()
        for machine in self.machines.values():
            machine.remove()
        self.network.remove([machine.number for machine in self.machines.values()])

    def _configure(self) -> None:
        for name, machine in self.machines.items():
            run = machine.folder / "run"
            run.mkdir()
            if os.geteuid() == 0:
                shutil.chown(run, "nobody", "nogroup")
            own = [(f"name: {_EXAMPLE_NAME}", f"name: {name}"), (_EXAMPLE_ADDRESS, machine.address)]
            etcd = [("/var/lib/etcd/satmint", str(machine.disk / "etcd"))]
            self._write(
                machine.folder / "etcd.yml",
                [*self._addresses("{name}=http://{at}:2380"), *own, *etcd],
            )
            postgres = [
                ("/var/lib/postgresql/15/satmint", str(machine.disk / "postgres")),
                ("/usr/lib/postgresql/15/bin", str(self._programs)),
                ("/var/lib/postgresql/patroni.pgpass", str(machine.folder / "pgpass")),
                ("/var/run/postgresql", str(run)),
                ("10.0.0.0/24", self.network.range),
                *((f"PASSWORD-OF-{of}", _password(of)) for of in PASSWORDS),
            ]
            self._write(
                machine.folder / "patroni.yml", [*self._addresses("{at}:2379"), *own, *postgres]
            )

    def _addresses(self, form: str) -> list[tuple[str, str]]:
        """A list of all machines in the examples, and here."""
        numbers = range(1, _MACHINES + 1)
        there, here = (
            ",".join(form.format(name=f"db{number}", at=f"{prefix}{number}") for number in numbers)
            for prefix in ("10.0.0.", self.network.prefix)
        )
        return [(there, here)]

    def _write(self, file: Path, replacements: list[tuple[str, str]]) -> None:
        """Write an example's file, with replacements each of which it needs."""
        text = (EXAMPLES / file.name).read_text(encoding="utf-8")
        for there, here in replacements:
            assert there in text, there
            text = text.replace(there, here)
        file.write_text(text, encoding="utf-8")

    def _start_etcd(self, machine: Machine) -> None:
        machine.start("etcd", "etcd", "--config-file", str(machine.folder / "etcd.yml"))

    def _start_patroni(self, machine: Machine) -> None:
        machine.start("patroni", "patroni", str(machine.folder / "patroni.yml"))

    def _start_proxy(self) -> None:
        """Start HAProxy, which connects to the primary; it is not one of the machines."""
        folder = self.machines[_EXAMPLE_NAME].folder
        replacements = [
            ("log /dev/log local0", "log stdout format raw local0"),
            ("    chroot /var/lib/haproxy\n    user haproxy\n    group haproxy\n", ""),
            ("bind 127.0.0.1:5000", f"bind 127.0.0.1:{self.port}"),
            *((f"10.0.0.{one.number}:", f"{one.address}:") for one in self.machines.values()),
        ]
        self._write(folder / "haproxy.cfg", replacements)
        with (folder / "haproxy.log").open("wb") as log:
            self._proxy = subprocess.Popen(
                ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - it asks the kernel, and no lock of ours
                env={**os.environ, "PATH": _PATH},
            )


def _latest_timeline(members: Sequence[Member]) -> int:
    return max((one.timeline for one in members), default=0)


def _password(of: str) -> str:
    return f"secret-{of.lower()}"
