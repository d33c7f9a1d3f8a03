"""`deploy/compose.yaml`: by the Compose specification, and what it names exists."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from satmint.settings import ENV_PREFIX, FIELDS
from tests.house.tree import ROOT
from tests.interop.vendor import deploy_python
from tests.kit.proxies import UPSTREAMS

DEPLOY: Final = ROOT / "deploy"
FILE: Final = DEPLOY / "compose.yaml"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: Final[dict[str, Any]] = COMPOSE["services"]
SERVERS: Final = ("satmint-1", "satmint-2")
NEEDED: Final = re.compile(r"\$\{(\w+):\?")
USED: Final = re.compile(r"\$\{?(\w+)")


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What the schemas say that check-jsonschema brings."""
    command = [str(deploy_python().with_name("check-jsonschema")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_it_is_as_the_compose_specification_says(tmp_path: Path) -> None:
    # Without the anchors: the specification leaves `<<` to YAML.
    resolved = tmp_path / "compose.yaml"
    resolved.write_text(yaml.safe_dump(COMPOSE), encoding="utf-8")
    mistaken = tmp_path / "mistaken.yaml"
    services = {"one": {"imagine": "satmint"}}
    mistaken.write_text(yaml.safe_dump({**COMPOSE, "services": services}), encoding="utf-8")
    # Both at once, since it takes seconds to read that schema.
    files = (str(resolved), str(mistaken))
    said = check("--builtin-schema", "vendor.compose-spec", "--output-format", "json", *files)
    assert said.returncode == 1, said.stderr
    found = json.loads(said.stdout)
    assert found["parse_errors"] == []
    assert {error["filename"] for error in found["errors"]} == {str(mistaken)}, found


def mounted() -> Iterator[str]:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.rpartition(":ro")[0] or volume
            yield source.partition(":")[0]


def test_files_volumes_and_networks_that_it_names_are_there() -> None:
    for source in mounted():
        if source.startswith("."):
            assert (DEPLOY / source).is_file(), source
        elif not source.startswith("${"):
            assert source in COMPOSE["volumes"]
    for service in SERVICES.values():
        assert set(service["networks"]) <= COMPOSE["networks"].keys()
        assert set(service.get("depends_on", ())) <= SERVICES.keys()


def test_the_comment_names_each_variable() -> None:
    text = FILE.read_text(encoding="utf-8")
    comment = "".join(line for line in text.splitlines() if line.startswith("#"))
    for name in NEEDED.findall(text):
        assert f"{name}=" in comment
    settings = {name for name in USED.findall(text) if name.startswith(ENV_PREFIX)}
    assert not settings


def test_servers_have_settings_and_trust_nginx_alone() -> None:
    known = {ENV_PREFIX + field.name.upper() for field in FIELDS} | {"PGPASSWORD"}
    address = SERVICES["nginx"]["networks"]["front"]["ipv4_address"]
    for name in SERVERS:
        environment = SERVICES[name]["environment"]
        assert environment.keys() <= known
        assert environment["SATMINT_TRUSTED_PROXIES"] == address


def test_only_nginx_is_reached_from_other_machines() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert name == "nginx" or port.startswith("127.0.0.1:")


def test_nginx_has_the_example_with_the_names_of_the_servers(tmp_path: Path) -> None:
    script = SERVICES["nginx"]["command"][2]
    sed, _, _ = script.partition(" > ")
    example = tmp_path / "nginx.conf"
    example.write_bytes((DEPLOY / "nginx.conf").read_bytes())
    said = subprocess.run(
        ["sh", "-euc", sed.replace("/etc/satmint-nginx.conf", str(example))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for upstream, server in zip(UPSTREAMS, SERVERS, strict=True):
        assert upstream not in said
        assert f"server {server}:8080 " in said
    assert "access_log /dev/stdout plain;" in said


def test_prometheus_and_grafana_find_what_they_need() -> None:
    def read(name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / name).read_text())
        return loaded

    scraped = read("prometheus.yml")
    (job,) = scraped["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"{name}:9464" for name in SERVERS]}]
    places = [volume.split(":")[1] for volume in SERVICES["prometheus"]["volumes"]]
    assert {f"/etc/prometheus/{file}" for file in scraped["rule_files"]} <= set(places)
    (source,) = read("grafana-datasources.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = read("grafana-dashboards.yml")["providers"]
    folders = [str(Path(volume.split(":")[1]).parent) for volume in SERVICES["grafana"]["volumes"]]
    assert provider["options"]["path"] in folders
    assert json.loads((DEPLOY / "grafana.json").read_text())["uid"] == "satmint"


@pytest.mark.parametrize("name", ["nginx", "postgres", "prometheus", "grafana"])
def test_images_of_others_have_a_version(name: str) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d[\d.]*", SERVICES[name]["image"])
