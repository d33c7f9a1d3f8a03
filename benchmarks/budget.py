"""A fixed share of a core for each worker, by the kernel's CPU controller.

Two workers on two cores leave none for the load and the database: what they carry then says how
full the machine is, not how well they share the work. With half a core for each worker there is
room for all, and two workers have exactly twice what one has.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.gauges import tree
from benchmarks.running import Running

_PERIOD_US: Final = 4_000
"""Short, because a worker whose share is used up may hold what the other one waits for."""
_V1: Final = Path("/sys/fs/cgroup/cpu")
_V2: Final = Path("/sys/fs/cgroup")


class NoBudget(Exception):
    """This machine, or this user, cannot limit a process. The message says why."""


def workers_of(server: Running) -> list[int]:
    """The processes that answer."""
    processes = tree(server.processes["server"])
    return processes[1:] if server.workers > 1 else processes[:1]


@contextmanager
def budget(processes: Sequence[int], cores: float) -> Iterator[None]:
    """Let each of some processes use so much of a core and no more.

    Raises:
        NoBudget: it cannot be done here.
    """
    with ExitStack() as limited:
        for process in processes:
            limited.enter_context(_limited(process, cores))
        yield


@contextmanager
def _limited(process: int, cores: float) -> Iterator[None]:
    controller = _controller()
    group = controller / f"satmint-benchmark-{os.getpid()}-{process}"
    home = controller / _home(process, controller)
    quota = int(cores * _PERIOD_US)
    try:
        group.mkdir()
        try:
            if controller == _V2:
                (group / "cpu.max").write_text(f"{quota} {_PERIOD_US}")
            else:
                (group / "cpu.cfs_period_us").write_text(f"{_PERIOD_US}")
                (group / "cpu.cfs_quota_us").write_text(f"{quota}")
            (group / "cgroup.procs").write_text(f"{process}")
        except OSError:
            group.rmdir()
            raise
    except OSError as error:
        raise NoBudget(f"no CPU budget for a process: {error}") from error
    try:
        yield
    finally:
        (home / "cgroup.procs").write_text(f"{process}")
        group.rmdir()


def _controller() -> Path:
    """Where groups are made.

    Raises:
        NoBudget: there is no CPU controller.
    """
    if (_V1 / "cgroup.procs").exists():
        return _V1
    controllers = _V2 / "cgroup.subtree_control"
    if controllers.exists() and "cpu" in controllers.read_text().split():
        return _V2
    raise NoBudget("no CPU budget for a process: this machine has no CPU controller")


def _home(process: int, controller: Path) -> str:
    """The group that a process is in, from the controller's root."""
    wanted = "cpu" if controller == _V1 else ""
    for line in Path(f"/proc/{process}/cgroup").read_text().splitlines():
        _, names, group = line.split(":", 2)
        if wanted in names.split(","):
            return group.lstrip("/")
    return ""
