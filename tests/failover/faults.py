"""What is done to the primary of a cluster under Patroni, and how it is put right again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.kit.patroni import PatroniCluster

Act = Callable[[PatroniCluster, str], object]
"""Does something to a server, named."""


def _nothing(cluster: PatroniCluster, name: str) -> None:
    del cluster, name


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them."""

    name: str
    act: Act
    heal: Act = _nothing
    replaced: bool = True
    """Whether another server becomes the primary."""
    needs: str = ""
    """What the machine must allow: `network` or `disk`; see `tests.kit.machines`."""


def _others(cluster: PatroniCluster, name: str) -> list[int]:
    return [one.number for other, one in cluster.machines.items() if other != name]


def _part(cluster: PatroniCluster, name: str, *, parted: bool) -> None:
    machine = cluster.machines[name]
    cluster.network.part(machine.number, _others(cluster, name), parted=parted)


def _connect(cluster: PatroniCluster, name: str, *, connected: bool) -> None:
    cluster.network.connect(cluster.machines[name].number, connected=connected)


def _fill_and_switch_over(cluster: PatroniCluster, name: str) -> None:
    cluster.machines[name].fill_disk()
    cluster.switch_over(name, cluster.with_role("sync_standby"))


FAULTS: Final = (
    Fault("switchover", lambda c, n: c.switch_over(n, c.with_role("sync_standby"))),
    Fault(
        "PostgreSQL killed",
        lambda c, n: c.machines[n].kill(c.machines[n].postgres()),
        replaced=False,
    ),
    Fault("machine killed", lambda c, n: c.machines[n].kill(), lambda c, n: c.restart(n)),
    Fault(
        "machine frozen", lambda c, n: c.machines[n].pause(), lambda c, n: c.machines[n].resume()
    ),
    Fault(
        "Patroni frozen",
        lambda c, n: c.machines[n].pause(c.machines[n].processes_of("patroni")),
        lambda c, n: c.machines[n].resume(),
    ),
    Fault(
        "machine cut off",
        lambda c, n: _connect(c, n, connected=False),
        lambda c, n: _connect(c, n, connected=True),
        needs="network",
    ),
    Fault(
        "cut off from the other two",
        lambda c, n: _part(c, n, parted=True),
        lambda c, n: _part(c, n, parted=False),
        needs="network",
    ),
    # Patroni does not notice, as long as PostgreSQL finds room for its log.
    Fault(
        "disk full, then a switchover",
        _fill_and_switch_over,
        lambda c, n: c.machines[n].empty_disk(),
        needs="disk",
    ),
)


def possible(cluster: PatroniCluster, fault: Fault) -> bool:
    """Whether it can be done here."""
    allowed = {
        "": True,
        "network": cluster.network.isolated,
        "disk": all(machine.has_disk for machine in cluster.machines.values()),
    }
    return allowed[fault.needs]
