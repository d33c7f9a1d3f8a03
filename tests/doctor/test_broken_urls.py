"""Public URLs and cluster hosts that do not lead to the deployment, asked over the network."""

from collections.abc import Iterator

import pytest

from satmint.doctor.finding import Level
from tests.kit.ports import free_port
from tests.kit.set_ups import SetUp, make_set_up, running_tls_proxy

ERROR, WARNING = Level.ERROR, Level.WARNING


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SetUp]:
    """A healthy deployment with its server."""
    set_up = make_set_up(tmp_path_factory.mktemp("running"))
    with set_up.serving():
        yield set_up


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SetUp]:
    """A deployment whose server has no TLS of its own, and trusts a proxy of another address."""
    made = make_set_up(tmp_path_factory.mktemp("behind"))
    options = {name: v for name, v in made.options.items() if not name.startswith("tls-")}
    set_up = SetUp(made.folder, options).changed(trusted_proxies="10.1.2.3")
    with set_up.serving():
        yield set_up


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SetUp]:
    """Another deployment, with another keyring."""
    set_up = make_set_up(tmp_path_factory.mktemp("other"))
    with set_up.serving():
        yield set_up


async def test_public_url_that_another_server_answers(running: SetUp, other: SetUp) -> None:
    found = await running.changed(public_url=other.options["public-url"]).examine()
    found.assert_found("public.url", ERROR, "another server", "DNS or the proxy")
    assert found.bad == {"public.url": ERROR}


async def test_cluster_host_that_another_server_answers(running: SetUp, other: SetUp) -> None:
    found = await running.changed(cluster_host=other.options["cluster-host"]).examine()
    found.assert_found("cluster.gateway", ERROR, "another server", "cluster_host")
    found.assert_found("cluster.api", ERROR, "another server", "cluster_host")
    assert found.bad == {"cluster.gateway": ERROR, "cluster.api": ERROR}


async def test_cluster_host_that_is_unreachable(running: SetUp) -> None:
    found = await running.changed(cluster_host=f"puc.localhost:{free_port()}").examine()
    found.assert_found("cluster.gateway", ERROR, "nothing accepts connections", "firewall")
    assert found.bad == {"cluster.gateway": ERROR, "cluster.api": ERROR}


async def test_cluster_host_that_opens_no_websockets(behind_proxy: SetUp) -> None:
    """The proxy of this test answers one request, and drops what makes an upgrade."""
    async with running_tls_proxy(behind_proxy, int(behind_proxy.options["port"])) as proxy:
        host = f"puc.localhost:{proxy}"
        made = behind_proxy.changed(
            cluster_host=host, public_url=f"https://fabric.localhost:{proxy}"
        )
        found = await made.examine()
    found.assert_found("cluster.gateway", ERROR, "to a WebSocket", "Upgrade and Connection")


async def test_public_url_with_a_certificate_for_another_name(running: SetUp) -> None:
    url = running.options["public-url"].replace("fabric.", "other.")
    found = await running.changed(public_url=url).examine()
    found.assert_found("public.url", ERROR, "certificate is refused", "tls_cert")
    assert found.bad == {"public.url": ERROR, "tls.names": ERROR}


@pytest.mark.parametrize(
    ("forwards", "trusts", "level", "said", "remedy"),
    [
        (True, "10.1.2.3", ERROR, "127.0.0.1 is not trusted", "set trusted_proxies to 127.0.0.1"),
        (False, "10.1.2.3", ERROR, "sends no X-Forwarded-For", "trusted_proxies to 127.0.0.1"),
        (False, "127.0.0.1", WARNING, "sends no X-Forwarded-For", "X-Forwarded-For"),
        (True, "127.0.0.1", Level.OK, "is trusted", ""),
    ],
)
async def test_proxy_and_the_addresses_of_clients(
    behind_proxy: SetUp, *, forwards: bool, trusts: str, level: Level, said: str, remedy: str
) -> None:
    async with running_tls_proxy(
        behind_proxy, int(behind_proxy.options["port"]), forwards=forwards
    ) as proxy:
        made = behind_proxy.changed(
            public_url=f"https://fabric.localhost:{proxy}", trusted_proxies=trusts
        )
        found = await made.examine()
    found.assert_found("public.proxy", level, said, remedy)


async def test_server_that_was_not_restarted_since_its_proxy_is_trusted(
    behind_proxy: SetUp,
) -> None:
    async with running_tls_proxy(
        behind_proxy, int(behind_proxy.options["port"]), client="203.0.113.7"
    ) as proxy:
        made = behind_proxy.changed(
            public_url=f"https://fabric.localhost:{proxy}", trusted_proxies="127.0.0.1"
        )
        found = await made.examine()
    found.assert_found("public.proxy", ERROR, "does not trust the proxy", "start the server again")


async def test_metrics_that_a_proxy_shows_to_everybody(behind_proxy: SetUp) -> None:
    options = behind_proxy.options
    async with running_tls_proxy(
        behind_proxy, int(options["port"]), metrics=int(options["admin-port"])
    ) as proxy:
        found = await behind_proxy.changed(public_url=f"https://fabric.localhost:{proxy}").examine()
    found.assert_found("public.metrics", ERROR, "to everybody", "admin listener")


async def test_server_that_has_another_keyring(running: SetUp, other: SetUp) -> None:
    found = await running.changed(port=other.options["port"]).examine()
    found.assert_found("server.keyring", ERROR, "does not have this keyring", "restart")


async def test_port_of_another_program(running: SetUp) -> None:
    admin = running.options["admin-port"]
    options = {name: v for name, v in running.options.items() if not name.startswith("tls-")}
    found = await SetUp(running.folder, options).changed(port=admin).examine()
    found.assert_found("server.live", ERROR, "another program", "set host and port")
