"""The dashboard and the alarms speak of figures that there are, word for word."""

import asyncio
import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from satmint.flows.webhooks import create_webhook
from satmint.model.webhooks import GIVE_UP_SECONDS
from satmint.webhooks import Sender, WebhookDispatcher
from tests.faults.failing_store import FailNth
from tests.house.tree import ROOT
from tests.kit.certificates import issued_in
from tests.kit.clock import NOW
from tests.kit.devices import REFRESH, TOKEN, a_seen_browser
from tests.kit.gateway import a_gateway
from tests.kit.promql import NotPromQL, Selector, selectors
from tests.kit.proofs import Signer
from tests.kit.service import ORIGIN, TOKENS, Server, a_service

DASHBOARD: Final[dict[str, Any]] = json.loads(
    (ROOT / "deploy" / "grafana.json").read_text(encoding="utf-8")
)
ALERTS: Final = ROOT / "deploy" / "alerts.yml"
RULES: Final[list[dict[str, Any]]] = [
    rule
    for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS: Final[list[dict[str, Any]]] = DASHBOARD["panels"]
GIVEN_BY_PROMETHEUS: Final = frozenset({"job", "instance"})
LEGEND: Final = re.compile(r"\{\{(\w+)\}\}")

GatewayMetrics = dict[str, list[dict[str, str]]]
"""The labels of every series, by its name."""


@dataclass(frozen=True)
class PendingRequest:
    """One expression, and where it stands."""

    where: str
    expression: str
    legend: str = ""

    @property
    def selectors(self) -> list[Selector]:
        """What it asks for, as Grafana would send it."""
        return selectors(self.expression.replace("$__rate_interval", "5m").replace("$job", ".*"))


def asked() -> Iterator[PendingRequest]:
    for rule in RULES:
        yield PendingRequest(rule["alert"], rule["expr"])
    for panel in PANELS:
        for target in panel.get("targets", ()):
            yield PendingRequest(panel["title"], target["expr"], target["legendFormat"])


ASKED: Final = list(asked())


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> GatewayMetrics:
    """Everything that a server tells that has seen good and bad days."""
    return asyncio.run(lived_through(tmp_path_factory.mktemp("served")))


async def lived_through(folder: Path) -> GatewayMetrics:
    async with a_service(folder, private_webhooks=True, workers=2) as server:
        await create_webhook(server.services, server.tenant.id, "http://127.0.0.1:1/", ORIGIN)
        await refresh_and_reuse(server)
        await prove(server)
        await connect(server)
        await carry(server)
        await fail(server)
        await server.service.purge_step()
        # Its figures are told only where the server itself has a certificate.
        server.service.use_certificate(issued_in(folder).read())
        told = await server.scrape()
        # As one of two workers, of whom the other is not there.
        server.service.join_workers(folder, 0)
        told_by_worker = await server.scrape()
    found: GatewayMetrics = defaultdict(list)
    for text in (told, told_by_worker):
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found[sample.name].append(dict(sample.labels))
    return found


async def refresh_and_reuse(server: Server) -> None:
    first = await server.sign_in()
    second = await server.rotate(first["refresh_token"])
    await server.rotate(first["refresh_token"])
    assert (await server.info(second["token"])).status_code == 200
    server.clock.advance(60)
    assert (await server.refresh(first["refresh_token"])).status_code == 422


async def prove(server: Server) -> None:
    browser = await a_seen_browser(server, "bound")
    proof = browser.proof(TOKEN)
    await browser.activate(proof=proof)
    await browser.activate(proof=proof)
    await browser.renew(browser.token, browser.proof(REFRESH, iat=NOW - 1000))
    await replace(browser, signer=Signer.generate()).activate()


async def connect(server: Server) -> None:
    pair = await server.sign_in()
    browser = await a_seen_browser(server, "bound")
    thief = Signer.generate().rpc_proof("signalwire.connect", iat=server.clock.now())
    async with a_gateway(server) as gateway, gateway.client() as client:
        await client.not_connected(browser.token, dpop_token=thief)
        await client.connected(pair["token"])


async def carry(server: Server) -> None:
    async with Sender(private=True) as sender:
        courier = WebhookDispatcher(server.services, sender, server.service.metrics.count_webhook)
        assert await courier.deliver_due()
        server.clock.advance(GIVE_UP_SECONDS + 1)
        assert await courier.deliver_due()


async def fail(server: Server) -> None:
    body = {"reference": "x"}
    wrong = httpx.BasicAuth(str(server.tenant.id), "PTwrong")
    assert (await server.client.post(TOKENS, json=body, auth=wrong)).status_code == 401
    real = server.services.store
    for failing, status in (
        (FailNth(real, 1, error=lambda: ZeroDivisionError("planted")), 500),
        (FailNth(real, 1), 503),
    ):
        server.services.store = failing.store
        answer = await server.client.post(TOKENS, json=body, auth=server.tenant.auth)
        assert answer.status_code == status
    server.services.store = real


@pytest.mark.parametrize("one", ASKED, ids=lambda one: f"{one.where} {one.legend}".strip())
def test_what_is_asked_for_is_told(one: PendingRequest, figures: GatewayMetrics) -> None:
    for selector in one.selectors:
        series = figures.get(selector.metric)
        assert series, f"there is no {selector.metric}"
        labels = {label for found in series for label in found} | GIVEN_BY_PROMETHEUS
        assert {label for label, _, _ in selector.matchers} <= labels
        assert selector.labels <= labels
        assert [found for found in series if matches(selector, found)], selector


def matches(selector: Selector, series: dict[str, str]) -> bool:
    """Whether a series has the labels that are asked for, as far as the server gives them."""
    for label, operator, value in selector.matchers:
        found = series.get(label, "")
        if label in GIVEN_BY_PROMETHEUS:
            continue
        same = found == value if operator in {"=", "!="} else re.fullmatch(value, found) is not None
        if same is operator.startswith("!"):
            return False
    return True


def test_a_word_that_nobody_says_would_be_noticed(figures: GatewayMetrics) -> None:
    (reuse,) = selectors('increase(satmint_refreshes_total{outcome="reused"}[10m])')
    assert not any(matches(reuse, found) for found in figures[reuse.metric])
    for wrong in (
        "sum(rate(satmint_refreshes_total[5m])",
        "rate(satmint_refreshes_total)",
        "sum by route (x)",
        "x{outcome=reuse}",
        'x{outcome="reuse"} >',
        "quantile_of_histogram(0.5, x)",
        "time(x)",
    ):
        with pytest.raises(NotPromQL):
            selectors(wrong)


@pytest.mark.parametrize("one", ASKED, ids=lambda one: f"{one.where} {one.legend}".strip())
def test_several_workers_make_no_more_lines_than_one(one: PendingRequest) -> None:
    on_the_dashboard = one not in ASKED[: len(RULES)]
    for selector in one.selectors:
        assert "worker" not in {label for label, _, _ in selector.matchers} | selector.labels
        assert selector.aggregated or not on_the_dashboard
        if on_the_dashboard:
            # So that a second deployment in the same Prometheus is another choice.
            assert ("job", "=~", ".*") in selector.matchers
    assert set(LEGEND.findall(one.legend)) == {
        label for selector in one.selectors for label in selector.labels - {"le"}
    } or not one.legend.startswith("{{")


@pytest.mark.parametrize("outcome", ["rotated", "replayed", "reuse"])
async def test_first_theft_is_an_increase_and_no_number_out_of_nothing(
    server: Server, outcome: str
) -> None:
    told = await server.scrape()
    assert f'satmint_refreshes_total{{outcome="{outcome}"}} 0.0' in told


def test_every_figure_is_on_the_dashboard(figures: GatewayMetrics) -> None:
    shown = {
        re.sub("_(bucket|sum|count|total|created)$", "", selector.metric)
        for one in ASKED[len(RULES) :]
        for selector in one.selectors
    }
    told = {re.sub("_(bucket|sum|count|total|created)$", "", name) for name in figures}
    assert told == shown


def test_dashboard_can_be_imported_anywhere() -> None:
    assert DASHBOARD["uid"] == "satmint"
    assert "id" not in DASHBOARD
    variables = {found["name"]: found for found in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    asking = [panel for panel in PANELS if panel["type"] != "row"]
    for found in [variables["job"], *asking, *(t for panel in asking for t in panel["targets"])]:
        assert found["datasource"] == chosen


def test_panels_have_ids_and_places_of_their_own() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids)
    titles = [panel["title"] for panel in PANELS]
    assert len(set(titles)) == len(titles)
    for panel in PANELS:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
        assert place["h"] > 0
        letters = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(letters)) == len(letters)
    for one, other in combinations(PANELS, 2):
        assert not overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    """Whether two panels would stand on each other."""
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


def test_alarms_have_names_and_say_what_is_the_matter() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"]


if shutil.which("promtool") is not None:  # what is above has judged the expressions already

    def test_tool_of_prometheus_agrees(tmp_path: Path) -> None:
        panels = tmp_path / "panels.yml"
        records = [
            {
                "record": f"panel_{number}",
                "expr": one.expression.replace("$__rate_interval", "5m"),
            }
            for number, one in enumerate(ASKED)
        ]
        panels.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": records}]}))
        for file in (ALERTS, panels):
            command = ["promtool", "check", "rules", str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr

    @pytest.mark.parametrize(
        ("days", "stale", "ringing"),
        [
            (15, 0, set()),
            (13, 0, {"SatmintCertificateExpires"}),
            (2, 0, {"SatmintCertificateExpires", "SatmintCertificateExpiresSoon"}),
            (-1, 0, {"SatmintCertificateExpires", "SatmintCertificateExpiresSoon"}),
            (60, 1, {"SatmintCertificateStale"}),
        ],
    )
    def test_certificate_rings_in_time(
        tmp_path: Path, days: int, stale: int, ringing: set[str]
    ) -> None:
        server = {"job": "satmint", "instance": "one:443"}
        values = {
            "satmint_tls_certificate_not_after_seconds": days * 86_400,  # the tool begins at 0
            "satmint_tls_certificate_stale": stale,
        }
        series = [
            {
                "series": f'{name}{{job="satmint",instance="one:443",worker="{worker}"}}',
                "values": f"{value}x10",
            }
            for name, value in values.items()
            for worker in range(2)
        ]
        expected = [
            {
                "eval_time": "10m",
                "alertname": rule["alert"],
                "exp_alerts": [
                    {
                        "exp_labels": server | rule["labels"],
                        "exp_annotations": rule["annotations"],
                    }
                ]
                if rule["alert"] in ringing
                else [],
            }
            for rule in RULES
            if rule["alert"].startswith("SatmintCertificate")
        ]
        assert len(expected) == 3
        case = {"interval": "1m", "input_series": series, "alert_rule_test": expected}
        file = tmp_path / "tests.yml"
        file.write_text(
            yaml.safe_dump(
                {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [case]}
            )
        )
        command = ["promtool", "test", "rules", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
