"""The proxies of `deploy/`, run as their examples say but for addresses, paths and accounts.

with running_proxy(HAPROXY, folder, (8081, 8082)) as port:
    ...
"""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

from tests.house.tree import ROOT
from tests.kit.apt import install
from tests.kit.polling import wait_until

NAME: Final = "fabric.example.com"
"""The host name on their certificate, beside 127.0.0.1."""
UPSTREAMS: Final = ("127.0.0.1:8081", "127.0.0.1:8082")
"""Where the examples expect the servers."""

Replacements = tuple[tuple[str, str], ...]


class ProxyMissing(Exception):
    """The program is not installed and cannot be. The message says how to install it."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """One of the examples and the program that it is for."""

    name: str
    package: str
    example: str
    replacements: Callable[[Path, int], Replacements]
    """What the test replaces in the example, for this folder and this port."""
    arguments: Callable[[Path, Path], list[str]]
    """The command line after the program's name, for this folder and this configuration."""
    log: str
    """The access log, a file in the folder."""

    def __str__(self) -> str:
        return self.name

    def program(self) -> str:
        """The path of the program, which is installed if that is possible here.

        Raises:
            ProxyMissing: it is not.
        """
        path = f"{os.environ.get('PATH', '')}:/usr/sbin"
        found = shutil.which(self.name, path=path)
        if found is None:
            install(self.package)
            found = shutil.which(self.name, path=path)
        if found is None:
            raise ProxyMissing(
                f"{self.name} is missing, so deploy/{self.example} is not tested."
                f" On Debian: apt-get install {self.package}"
            )
        return found


NGINX: Final = Proxy(
    name="nginx",
    package="nginx-light",
    example="nginx.conf",
    replacements=lambda folder, port: (
        ("/etc/satmint", str(folder)),
        ("/var/log/nginx", str(folder)),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
    ),
    arguments=lambda folder, file: [
        *("-p", str(folder), "-c", str(file), "-g"),
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;",
    ],
    log="satmint.log",
)
HAPROXY: Final = Proxy(
    name="haproxy",
    package="haproxy",
    example="haproxy.cfg",
    replacements=lambda folder, port: (
        ("/etc/satmint", str(folder)),
        ("bind :443 ssl", f"bind 127.0.0.1:{port} ssl"),
        ("log /dev/log local0", "log stdout format raw local0"),
        ("    chroot /var/lib/haproxy\n    user haproxy\n    group haproxy\n", ""),
    ),
    arguments=lambda folder, file: ["-db", "-f", str(file)],  # noqa: ARG005 - paths are absolute
    log="output",
)
CADDY: Final = Proxy(
    name="caddy",
    package="caddy",
    example="Caddyfile",
    replacements=lambda folder, port: (
        ("/etc/satmint", str(folder)),
        ("/var/log/caddy", str(folder)),
        (":443 {", f":{port} {{\n\tbind 127.0.0.1"),
    ),
    arguments=lambda folder, file: [  # noqa: ARG005 - paths are absolute
        *("run", "--config", str(file), "--adapter", "caddyfile")
    ],
    log="satmint.log",
)
PROXIES: Final = (NGINX, HAPROXY, CADDY)


def example_of(proxy: Proxy) -> str:
    """The text of its example."""
    return (ROOT / "deploy" / proxy.example).read_text(encoding="utf-8")


def certificate(folder: Path) -> ssl.SSLContext:
    """Write the certificate that the examples name into `folder`; what a client of them trusts."""
    authority = trustme.CA()
    leaf = authority.issue_cert(NAME, "127.0.0.1")
    leaf.private_key_pem.write_to_path(folder / "privkey.pem")
    for pem in leaf.cert_chain_pems:
        pem.write_to_path(folder / "fullchain.pem", append=True)
    both = (folder / "fullchain.pem").read_bytes() + (folder / "privkey.pem").read_bytes()
    (folder / "haproxy.pem").write_bytes(both)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    return trust


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_proxy(
    proxy: Proxy, folder: Path, servers: tuple[int, int], example: str | None = None
) -> Iterator[int]:
    """Run a proxy; yields its port once it accepts connections.

    Args:
        proxy: Which one.
        folder: For its configuration, its logs and its state. `certificate` was called for it.
        servers: The ports of the servers behind it.
        example: The configuration, in place of the one in `deploy/`.

    Raises:
        ProxyMissing: the program is not here.
    """
    program, port = proxy.program(), free_port()
    example = example_of(proxy) if example is None else example
    addresses = zip(UPSTREAMS, (f"127.0.0.1:{server}" for server in servers), strict=True)
    for there, here in (*proxy.replacements(folder, port), *addresses):
        assert there in example, there
        example = example.replace(there, here)
    file = folder / proxy.example
    file.write_text(example, encoding="utf-8")
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (
        (folder / "output").open("wb") as output,
        subprocess.Popen(
            [program, *proxy.arguments(folder, file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **home},
        ) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or _accepts(port))
            assert process.poll() is None, (folder / "output").read_text(errors="replace")
            yield port
        finally:
            process.terminate()


def _accepts(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
