"""Machines of a cluster, as far as one machine can have several: addresses, processes, disks.

Each has a network namespace of its own where that is allowed (as root), so that it can be cut off;
otherwise an address of the loopback interface. What a machine cannot do here, `Network` says.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.kit.apt import install
from tests.kit.polling import wait_until
from tests.kit.postgres import _children, _lives

_NAMESPACES: Final = Path("/run/netns")
_AS_NOBODY: Final = (
    *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
    "--pdeathsig=KILL",
)
_PROGRAMS: Final = ("ip", "iptables", "nsenter")
"""What namespaces take; installed if possible."""
_HOST: Final = 254
"""The last number of the address of whoever runs the machines."""


class Network:
    """A network for machines; a bridge between their namespaces."""

    def __init__(self, *, namespaces: bool = True) -> None:
        """Make it.

        Args:
            namespaces: Whether machines get namespaces, where that is allowed.
        """
        number = os.getpid()
        self._name = f"sm{number}"
        self._made = False
        self.isolated = namespaces and self._make()
        """Whether a machine can be cut off."""
        self.range = f"{self.prefix}0/24" if self.isolated else "127.0.0.0/8"
        """Where connections come from, for those that check."""

    @property
    def prefix(self) -> str:
        """The first three numbers of each address, with a dot at the end."""
        number = os.getpid()
        high, low = number // 254 % 63, number % 254 + 1
        return f"100.{64 + high}.{low}." if self.isolated else f"127.{64 + high}.{low}."

    def namespace(self, number: int) -> str:
        """The name of a machine's namespace."""
        return f"{self._name}m{number}"

    def add(self, number: int) -> None:
        """Make a machine's namespace, with its address."""
        if not self.isolated:
            return
        name, outside = self.namespace(number), f"{self._name}v{number}"
        _ip("netns", "add", name)
        _ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", outside, "master", self._name, "up")
        _ip("-n", name, "addr", "add", f"{self.prefix}{number}/24", "dev", "eth0")
        for interface in ("lo", "eth0"):
            _ip("-n", name, "link", "set", interface, "up")

    def connect(self, number: int, *, connected: bool) -> None:
        """Cut a machine off from everybody, or connect it again. Nobody is told."""
        _ip("link", "set", f"{self._name}v{number}", "up" if connected else "down")

    def part(self, number: int, others: Sequence[int], *, parted: bool) -> None:
        """Drop what passes between a machine and others, or no longer.

        Whoever runs them still reaches it.
        """
        inside = ("nsenter", f"--net={_NAMESPACES / self.namespace(number)}")
        for other in others:
            for chain, end in (("INPUT", "-s"), ("OUTPUT", "-d")):
                rule = [chain, end, f"{self.prefix}{other}", "-j", "DROP"]
                _run(*inside, "iptables", "--wait", "-A" if parted else "-D", *rule)

    def remove(self, machines: Sequence[int]) -> None:
        """Remove the namespaces of machines, and the bridge."""
        if not self.isolated:
            return
        for number in machines:
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", self.namespace(number))
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._name)

    def _make(self) -> bool:
        if any(map(_is_missing, _PROGRAMS)):
            install("iproute2", "iptables", "util-linux")
        if os.geteuid() != 0 or any(map(_is_missing, _PROGRAMS)):
            return False
        self.isolated = True
        probe = self.namespace(0)
        try:
            _ip("link", "add", self._name, "type", "bridge")
            _ip("addr", "add", f"{self.prefix}{_HOST}/24", "dev", self._name)
            _ip("link", "set", self._name, "up")
            _ip("netns", "add", probe)
            _run("nsenter", f"--net={_NAMESPACES / probe}", "iptables", "--list")
        except (subprocess.CalledProcessError, OSError):
            self.remove([0])
            return False
        _ip("netns", "del", probe)
        return True


class Machine:
    """One of them: its processes, which can be killed and frozen, and its disk."""

    def __init__(self, network: Network, number: int, disk_megabytes: int = 0) -> None:
        """Set it up.

        Args:
            network: Where it is.
            number: Its number there, from 1.
            disk_megabytes: The size of its disk, where it may have one of its own (as root); 0: it
                has none.
        """
        self.number = number
        self.network = network
        self.folder = Path(tempfile.mkdtemp(prefix=f"satmint-machine-{number}-"))
        self.folder.chmod(0o755)
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.has_disk = bool(disk_megabytes) and self._mount(disk_megabytes)
        if os.geteuid() == 0:
            for folder in (self.folder, self.disk):
                shutil.chown(folder, "nobody", "nogroup")
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self.pid_file = self.disk / "postgres" / "postmaster.pid"
        network.add(number)

    @property
    def address(self) -> str:
        """Where it is reached."""
        return f"{self.network.prefix}{self.number}"

    def command(self, *arguments: str) -> list[str]:
        """How something is run there, by a user who is not root."""
        inside: list[str] = []
        if self.network.isolated:
            inside = ["nsenter", f"--net={_NAMESPACES / self.network.namespace(self.number)}"]
        return [*inside, *(_AS_NOBODY if os.geteuid() == 0 else ()), *arguments]

    def start(self, name: str, *arguments: str) -> None:
        """Start a program there, with a log of this name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self.command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        self._started[name] = process

    def postgres(self) -> list[int]:
        """PostgreSQL's processes; the one whose children are all others comes first."""
        try:
            first = int(self.pid_file.read_text(encoding="ascii").splitlines()[0])
        except (OSError, ValueError, IndexError):
            return []
        return _family(first) if _lives(first) else []

    def processes(self) -> list[int]:
        """All of its processes."""
        return [
            *self.postgres(),
            *(one for name in self._started for one in self.processes_of(name)),
        ]

    def processes_of(self, name: str) -> list[int]:
        """The processes of a program that was started, and of what it started."""
        process = self._started[name]
        return _family(process.pid) if process.poll() is None else []

    def kill(self, processes: Sequence[int] | None = None) -> None:
        """`kill -9` for all of its processes, or some; returns when they are gone."""
        while found := self.processes() if processes is None else processes:
            _signal(found, signal.SIGKILL)
            for process in self._started.values():
                if process.pid in found:
                    process.wait()
            wait_until(lambda gone=found: not any(map(_lives, gone)), 60)  # type: ignore[misc]
            if processes is not None:
                return
        self._started.clear()

    def pause(self, processes: Sequence[int] | None = None) -> None:
        """Stop all of its processes in their tracks, or some; connections stay."""
        _signal(self.processes() if processes is None else processes, signal.SIGSTOP)

    def resume(self) -> None:
        """Let all of them go on."""
        _signal(self.processes(), signal.SIGCONT)

    def fill_disk(self) -> None:
        """Leave not a byte on its disk."""
        ballast = self.disk / "ballast"
        with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65_536))
        with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(512))

    def empty_disk(self) -> None:
        """Give the space back."""
        (self.disk / "ballast").unlink(missing_ok=True)

    def remove(self) -> None:
        """End everything of it, and remove its files."""
        self.resume()
        self.kill()
        if self.has_disk:
            _run("umount", "--lazy", str(self.disk))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _mount(self, megabytes: int) -> bool:
        if os.geteuid() != 0:
            return False
        size = f"size={megabytes}m"
        try:
            _run("mount", "-t", "tmpfs", "-o", size, "satmint-disk", str(self.disk))
        except subprocess.CalledProcessError:
            return False
        return True


def _family(process: int) -> list[int]:
    """A process and all that come of it, if it lives."""
    try:
        children = _children(process)
    except OSError:
        return []
    return [process, *(one for child in children for one in _family(child))]


def _signal(processes: Sequence[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def _is_missing(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
