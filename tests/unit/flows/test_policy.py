"""The operator's rules: what follows from them, and that requests hide secrets."""

from uuid import UUID

import pytest

from satmint.flows.callers import ApiTokenCaller
from satmint.flows.idempotency import RequestIdentity
from satmint.flows.invites import InviteProofs
from satmint.flows.live import Credentials
from satmint.flows.policy import Policy
from satmint.flows.registered_devices import DeviceRegistration
from satmint.flows.subscribers import SubscriberFields
from satmint.flows.token_issuer import TokenIssuer
from satmint.model.records import DeviceType
from tests.kit.service import ORIGIN, Server

ONE, TWO = UUID(int=1), UUID(int=2)
CALLER = ApiTokenCaller(ONE, TWO, frozenset())
HOSTS = {"eu": "eu.example.com", "us": None}


def test_lifetime_is_cut_to_the_maximum_if_there_is_one() -> None:
    assert Policy().token_seconds(10**9) == 10**9
    limited = Policy(max_token_seconds=60)
    assert [limited.token_seconds(seconds) for seconds in (59, 60, 61)] == [59, 60, 60]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        (None, "example.com"),
        ("", "example.com"),
        ("us", "example.com"),
        ("asia", "example.com"),
        ("eu", "eu.example.com"),
    ],
)
def test_region_without_a_cluster_host_has_that_of_the_deployment(
    region: str | None, host: str
) -> None:
    assert Policy(cluster_host="example.com", regions=HOSTS).cluster_host_of(region) == host
    alone = Policy(regions=HOSTS).cluster_host_of(region)
    assert alone == ("eu.example.com" if region == "eu" else None)


def test_cluster_hosts_are_those_that_are_named() -> None:
    assert Policy().cluster_hosts == frozenset()
    assert Policy(regions=HOSTS).cluster_hosts == {"eu.example.com"}
    both = Policy(cluster_host="example.com", regions=HOSTS)
    assert both.cluster_hosts == {"example.com", "eu.example.com"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("eu.example.com", "eu.example.com"),
        ("example.com", "example.com"),
        ("gone.example.com", "example.com"),
        (None, "example.com"),
    ],
)
def test_successor_of_a_token_keeps_a_cluster_host_that_is_still_there(
    server: Server, before: str | None, after: str
) -> None:
    policy = Policy(cluster_host="example.com", regions=HOSTS)
    issuer = TokenIssuer(server.services.cipher, policy)
    assert issuer.successor_cluster_host(before) == after


def test_proofs_are_strict_in_the_named_projects_or_in_all() -> None:
    some, every = Policy(strict_proofs=frozenset({ONE})), Policy(strict_proofs=None)
    found = [rules.proof_rules(project).strict for rules in (some, every) for project in (ONE, TWO)]
    assert found == [True, False, True, True]
    assert not Policy().proof_rules(ONE).strict


def test_requests_show_no_secret() -> None:
    for request in (
        Credentials("SECRET", "SECRET", ONE, ORIGIN),
        DeviceRegistration(DeviceType.IOS, "SECRET"),
        SubscriberFields(password="SECRET"),
        InviteProofs("POST", "/invites", frozenset(), ["SECRET"]),
        RequestIdentity(CALLER, "POST", "/x", "key", {"password": "SECRET"}),
    ):
        assert "SECRET" not in repr(request)


def test_proof_is_required_only_where_that_is_said() -> None:
    assert not InviteProofs("POST", "/invites", frozenset(), []).required
    without = RequestIdentity(CALLER, "POST", "/x", "key", {})
    assert without.content == RequestIdentity(CALLER, "POST", "/x", "key", {}, False).content
    assert without.content != RequestIdentity(CALLER, "POST", "/x", "key", {}, True).content
