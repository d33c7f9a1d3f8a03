"""Renders the chart of `deploy/helm/` with Helm, and has Kubernetes' schemas judge what comes out.

All at once, in one process of the environment in which Helm is installed (`deploy_python`).
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from tests.house.tree import ROOT
from tests.interop.vendor import deploy_python

CHART: Final = ROOT / "deploy" / "helm" / "satmint"
RELEASE: Final = "prod"
NAMESPACE: Final = "tokens"
KUBERNETES: Final = ("1.28", "1.37")
"""The oldest that the chart accepts, and the newest whose schemas there are."""
_SECONDS: Final = 120
_PROGRAM: Final = """
import json, sys
import helm_python, kubernetes_validate, yaml

asked = json.load(sys.stdin)
linted = helm_python.lint(asked["chart"], next(iter(asked["values"].values())), strict=True)
complaints = [one["error"] for one in linted["messages"] if one["severity"] > 1]
told = {"complaints": linted["errors"] + complaints, "renderings": {}}
with helm_python.Chart.load(asked["chart"]) as chart:
    for name, values in asked["values"].items():
        told["renderings"][name] = rendering = {"error": "", "files": {}, "findings": []}
        try:
            chart.validate_schema(values)
            files = chart.render(values, name=asked["release"], namespace=asked["namespace"])
        except helm_python.HelmError as error:
            rendering["error"] = str(error)
            continue
        rendering["files"] = files
        for file, text in files.items():
            if not file.endswith(".yaml"):
                continue
            for manifest in filter(None, yaml.safe_load_all(text)):
                if "coreos.com" in manifest["apiVersion"]:
                    continue
                for version in asked["kubernetes"]:
                    try:
                        kubernetes_validate.validate(manifest, version, strict=True)
                    except kubernetes_validate.ValidationError as error:
                        rendering["findings"].append(f"{file}, {version}: {error.message}")
json.dump(told, sys.stdout, default=str)
"""


@dataclass(frozen=True)
class Rendering:
    """What Helm makes of the chart with some values."""

    error: str
    """Why it refuses the values; "" if it does not."""
    files: dict[str, str]
    findings: list[str]
    """What is not as a schema says."""

    @cached_property
    def manifests(self) -> list[dict[str, Any]]:
        """All resources."""
        texts = (text for name, text in self.files.items() if name.endswith(".yaml"))
        return [found for text in texts for found in yaml.safe_load_all(text) if found]

    def find(self, kind: str, name: str = f"{RELEASE}-satmint") -> dict[str, Any]:
        """The resource of that kind and name."""
        (found,) = (
            one for one in self.manifests if (one["kind"], one["metadata"]["name"]) == (kind, name)
        )
        return found

    @property
    def kinds(self) -> list[str]:
        """The kinds of all resources, sorted."""
        return sorted(one["kind"] for one in self.manifests)

    @property
    def notes(self) -> str:
        """What the operator reads after the installation."""
        return self.files["satmint/templates/NOTES.txt"]


def render(
    values: Mapping[str, Mapping[str, object]],
) -> tuple[list[str], dict[str, Rendering]]:
    """Lint the chart with the first of the values, and render it with each, by name."""
    asked = {
        "chart": str(CHART),
        "release": RELEASE,
        "namespace": NAMESPACE,
        "kubernetes": KUBERNETES,
        "values": values,
    }
    done = subprocess.run(
        [deploy_python(), "-c", _PROGRAM],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return told["complaints"], {name: Rendering(**one) for name, one in told["renderings"].items()}
