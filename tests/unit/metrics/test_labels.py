"""Labels have few values: nothing that a record, a caller or a broken message holds becomes one."""

from types import SimpleNamespace

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import HistogramMetricFamily

from api.middleware.metrics import observe_request
from clients.metrics import work
from clients.metrics.batch_histogram import BatchHistogram
from clients.metrics.calls import api_label
from clients.metrics.changes import object_label
from clients.metrics.registry import REGISTRY
from clients.metrics.writebacks import code_label
from schemas.ids import lane_kind, part_lane, records_lane
from workers.metrics.families import STATE_FAMILIES

ALLOWED = {
    "api", "budget", "code", "depth", "kind", "lane", "lane_kind", "lease_class", "method", "object", "operation",
    "outcome", "part", "process", "queue", "reason", "remote", "role", "route", "severity", "spender", "stage", "state",
    "statistic", "status", "step", "subject", "version", "webhook",
}  # fmt: skip


def test_no_family_has_a_label_that_is_not_listed_here() -> None:
    names = {name for family in STATE_FAMILIES for name in family.labels}
    for value in vars(work).values():
        names.update(getattr(value, "_labels", None) or getattr(value, "_labelnames", ()) or ())
    assert names <= ALLOWED


def test_every_family_of_the_work_says_what_it_counts() -> None:
    families = list(REGISTRY.collect())
    assert all(family.documentation for family in families)
    assert any(isinstance(family, HistogramMetricFamily) for family in families)
    assert isinstance(work.CHANGE_FRESHNESS, BatchHistogram)


@pytest.mark.parametrize(
    ("name", "label"), [("Case", "Case"), ("Payment__c", "Payment__c"), ("", "unreadable")]
)
def test_an_object_is_labelled_by_its_api_name(name: str, label: str) -> None:
    assert object_label(name) == label


def test_what_is_no_api_name_is_labelled_unreadable() -> None:
    assert object_label("ada@example.org") == object_label("X" * 81) == "unreadable"


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/services/data/v67.0/query", "query"),
        ("/services/data/v67.0/query/01g-2000", "query"),
        ("/services/data/v67.0/jobs/query/750x/results", "bulk_query"),
        ("/services/data/v67.0/jobs/ingest/750x/batches", "bulk_ingest"),
        ("/services/data/v67.0/composite/sobjects/Case", "composite"),
        ("/services/data/v67.0/sobjects/Case/ExternalId__c/C-secret-77", "sobjects"),
        ("/services/data/v67.0/limits", "limits"),
        ("/services/oauth2/token", "other"),
    ],
)
def test_a_path_is_labelled_by_its_api_alone(path: str, label: str) -> None:
    assert api_label(path) == label


def test_a_code_that_the_engine_does_not_know_is_other() -> None:
    assert code_label("UNABLE_TO_LOCK_ROW") == "UNABLE_TO_LOCK_ROW"
    assert code_label("changed_since") == "changed_since"
    assert code_label("Ada Lovelace") == "other"
    assert code_label(None) == ""


def test_lanes_of_readings_are_told_by_their_kind() -> None:
    assert lane_kind("changes") == lane_kind("my-lane") == "lane"
    assert lane_kind(part_lane("case", "w", 1, 1)) == "backfill"
    assert lane_kind(records_lane("case", "w", "key")) == "reread"


def test_a_request_is_labelled_by_its_route_and_never_by_its_path() -> None:
    route = SimpleNamespace(path="/v1/writebacks/{number}")
    observe_request({"method": "GET", "path": "/v1/writebacks/7", "route": route}, 200, 0.1)
    observe_request({"method": "BREW", "path": "/v1/ada@example.org"}, 404, 0.1)
    shown = generate_latest(REGISTRY).decode()
    assert 'route="/v1/writebacks/{number}",status="200"' in shown
    assert 'method="other",route="unmatched",status="404"' in shown
    assert "ada@example.org" not in shown
