"""The chart of `deploy/helm/`: what Helm makes of it is what Kubernetes accepts."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from satmint import __version__
from satmint.settings import ENV_PREFIX, FIELDS
from tests.deploy.chart_rendering import CHART, RELEASE, Rendering, render

NAME: Final = f"{RELEASE}-satmint"
URLS: Final[dict[str, object]] = {
    "publicUrl": "https://fabric.example.com",
    "clusterHost": "puc.example.com",
}
POSTGRES: Final = {"kind": "postgresql", "postgresql": {"existingSecret": "satmint-database"}}
GOOD: Final[dict[str, dict[str, object]]] = {
    "sqlite": URLS,
    "postgresql": {**URLS, "database": POSTGRES},
    "one replica": {**URLS, "database": POSTGRES, "replicas": 1},
    "everything": {
        **URLS,
        "database": POSTGRES,
        "replicas": 3,
        "image": {"repository": "registry.example.com/satmint", "pullSecrets": [{"name": "one"}]},
        "keyring": {"existingSecret": "keys", "kekKey": "kek"},
        "trustedProxies": ["10.0.0.0/8", "fd00::/8"],
        "settings": {"SATMINT_REPLAY_SECONDS": "300"},
        "tls": {"existingSecret": "certificate"},
        "service": {"type": "LoadBalancer", "port": 443, "annotations": {"one": "two"}},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"one": "two"},
            "tlsSecret": "certificate",
        },
        "metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
        "podAnnotations": {"one": "two"},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "one", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
    },
    "sqlite with a class": {
        **URLS,
        "database": {"sqlite": {"storageClassName": "fast", "size": "1Gi"}},
        "networkPolicy": {"enabled": False},
        "ingress": {"enabled": True, "hosts": ["one.example.com"]},
    },
}
BAD: Final[dict[str, dict[str, object]]] = {
    "no URL": {},
    "no secret of the database": {**URLS, "database": {"kind": "postgresql"}},
    "unknown database": {**URLS, "database": {"kind": "mysql"}},
    "unknown value": {**URLS, "replica": 3},
    "a URL with a path": {**URLS, "publicUrl": "https://example.com/fabric"},
    "a number as setting": {**URLS, "settings": {"SATMINT_REPLAY_SECONDS": 300}},
    "another variable": {**URLS, "settings": {"PGPASSWORD": "secret"}},
}


@pytest.fixture(scope="module")
def told() -> tuple[list[str], dict[str, Rendering]]:
    """Everything that is asked of Helm here, at once."""
    return render({**GOOD, **BAD})


@pytest.fixture
def renderings(told: tuple[list[str], dict[str, Rendering]]) -> dict[str, Rendering]:
    """By the name of the values."""
    return told[1]


def pod_of(rendering: Rendering) -> dict[str, Any]:
    """The pod of the servers."""
    kind = "Deployment" if "Deployment" in rendering.kinds else "StatefulSet"
    pod: dict[str, Any] = rendering.find(kind)["spec"]["template"]["spec"]
    return pod


def pods_of(rendering: Rendering) -> Iterator[dict[str, Any]]:
    yield pod_of(rendering)
    if "Job" in rendering.kinds:
        yield rendering.find("Job", f"{NAME}-migrate")["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", GOOD)
def test_kubernetes_accepts_what_is_rendered(renderings: dict[str, Rendering], name: str) -> None:
    assert renderings[name].error == ""
    assert renderings[name].findings == []


@pytest.mark.parametrize("name", BAD)
def test_values_that_cannot_work_are_refused(renderings: dict[str, Rendering], name: str) -> None:
    assert renderings[name].error != ""


def test_sqlite_has_one_pod_with_a_volume(renderings: dict[str, Rendering]) -> None:
    found = renderings["sqlite"]
    assert found.kinds == ["NetworkPolicy", "Service", "Service", "StatefulSet"]
    workload = found.find("StatefulSet")["spec"]
    assert workload["replicas"] == 1
    assert workload["volumeClaimTemplates"][0]["metadata"]["name"] == "data"
    assert workload["serviceName"] == found.find("Service", f"{NAME}-admin")["metadata"]["name"]


def test_postgresql_has_pods_that_are_replaced_one_by_one(renderings: dict[str, Rendering]) -> None:
    found = renderings["postgresql"]
    kinds = ["Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "Service", "Service"]
    assert found.kinds == kinds
    workload = found.find("Deployment")["spec"]
    assert workload["replicas"] == 2
    assert workload["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    job = found.find("Job", f"{NAME}-migrate")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["db", "migrate"]
    assert "PodDisruptionBudget" not in renderings["one replica"].kinds


@pytest.mark.parametrize("name", GOOD)
def test_pods_have_no_privileges(renderings: dict[str, Rendering], name: str) -> None:
    for pod in pods_of(renderings[name]):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("name", GOOD)
def test_services_and_policies_select_the_servers_alone(
    renderings: dict[str, Rendering], name: str
) -> None:
    found = renderings[name]
    kind = "Deployment" if "Deployment" in found.kinds else "StatefulSet"
    labels = found.find(kind)["spec"]["template"]["metadata"]["labels"].items()
    selectors = [found.find(kind)["spec"]["selector"]["matchLabels"]]
    selectors += [
        found.find("Service", service)["spec"]["selector"] for service in (NAME, f"{NAME}-admin")
    ]
    if "NetworkPolicy" in found.kinds:
        selectors.append(found.find("NetworkPolicy")["spec"]["podSelector"]["matchLabels"])
    if "PodDisruptionBudget" in found.kinds:
        selectors.append(found.find("PodDisruptionBudget")["spec"]["selector"]["matchLabels"])
    for selector in selectors:
        assert selector.items() <= labels
        if "Job" in found.kinds:
            job = found.find("Job", f"{NAME}-migrate")["spec"]["template"]["metadata"]["labels"]
            assert not selector.items() <= job.items()


@pytest.mark.parametrize("name", GOOD)
def test_variables_are_settings_and_files_are_mounted(
    renderings: dict[str, Rendering], name: str
) -> None:
    settings = {ENV_PREFIX + field.name.upper() for field in FIELDS}
    pod = pod_of(renderings[name])
    (container,) = pod["containers"]
    variables = {one["name"]: one.get("value", "") for one in container["env"]}
    assert variables.keys() <= settings
    assert len(variables) == len(container["env"])
    mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    for value in variables.values():
        path = value.removeprefix("file:")
        if path.startswith("/"):
            assert path.rpartition("/")[0] in mounts
    volumes = {volume["name"] for volume in pod["volumes"]}
    if name.startswith("sqlite"):
        volumes.add("data")
    assert set(mounts.values()) == volumes


def test_a_pod_stops_after_it_has_drained(renderings: dict[str, Rendering]) -> None:
    pod = pod_of(renderings["postgresql"])
    (container,) = pod["containers"]
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
    assert pod["terminationGracePeriodSeconds"] >= 5 + 30
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["startupProbe"]["httpGet"]["scheme"] == "HTTP"


def test_everything_can_be_chosen(renderings: dict[str, Rendering]) -> None:
    found = renderings["everything"]
    pod = pod_of(found)
    (container,) = pod["containers"]
    assert container["image"] == f"registry.example.com/satmint:{__version__}"
    assert container["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    values = {one["name"]: one.get("value") for one in container["env"]}
    assert values["SATMINT_TRUSTED_PROXIES"] == "10.0.0.0/8,fd00::/8"
    assert values["SATMINT_KEYRING_KEK"] == "file:/run/satmint/keyring/kek"
    assert values["SATMINT_REPLAY_SECONDS"] == "300"
    hosts = [rule["host"] for rule in found.find("Ingress")["spec"]["rules"]]
    assert hosts == ["fabric.example.com", "puc.example.com"]


def test_prometheus_finds_the_admin_listener(renderings: dict[str, Rendering]) -> None:
    """Prometheus' operator has schemas of its own, so this compares it with what it selects."""
    found = renderings["everything"]
    monitor = found.find("ServiceMonitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    service = found.find("Service", f"{NAME}-admin")
    labels = service["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    public = found.find("Service")["metadata"]["labels"]
    assert not monitor["spec"]["selector"]["matchLabels"].items() <= public.items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] == service["spec"]["ports"][0]["name"]
    assert labels[monitor["spec"]["jobLabel"]] == "satmint"


def test_notes_name_what_is_there(renderings: dict[str, Rendering]) -> None:
    assert f"statefulset/{NAME}" in renderings["sqlite"].notes
    assert f"deployment/{NAME}" in renderings["postgresql"].notes
    assert "No Ingress was created" in renderings["postgresql"].notes
    assert "No Ingress was created" not in renderings["everything"].notes
    assert "trustedProxies is empty" not in renderings["everything"].notes


def test_lint_has_no_complaint(told: tuple[list[str], dict[str, Rendering]]) -> None:
    assert told[0] == []


def test_the_chart_has_the_version_of_the_server_and_a_schema_for_each_value() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["version"] == chart["appVersion"] == __version__
    schema = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    def compare(schema: dict[str, Any], values: dict[str, Any]) -> None:
        assert values.keys() <= schema["properties"].keys()
        for name, value in values.items():
            inner = schema["properties"][name]
            if isinstance(value, dict) and "properties" in inner:
                compare(inner, value)

    compare(schema, values)
