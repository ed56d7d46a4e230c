"""The rules and dashboards of deploy/ ask for what is exported, and point at what is written."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.local.engine_processes import scrape_targets
from clients.metrics import work
from clients.metrics.registry import REGISTRY
from deploy.observability.engine_boards import LANES, OVERVIEW
from deploy.observability.org_boards import BUDGETS, WRITEBACKS
from deploy.observability.panels import Board
from deploy.observability.process_board import WORKERS
from deploy.observability.webhook_board import WEBHOOKS
from schemas.status_problems import PROBLEMS, anchor
from workers.metrics.families import STATE_FAMILIES

FOLDER = Path(__file__).parents[3] / "deploy" / "observability"
ALERTS_PAGE = FOLDER.parents[1] / "docs" / "alerts.md"
BOARDS = (OVERVIEW, LANES, WRITEBACKS, WEBHOOKS, BUDGETS, WORKERS)
OF_THE_SDK = {
    "temporal_activity_schedule_to_start_latency_seconds_bucket",
    "temporal_workflow_task_schedule_to_start_latency_seconds_bucket",
    "temporal_worker_task_slots_available",
}
"""`make test-observability` sees that the SDK exports them."""
_NAME = re.compile(r"\b(?:tidegate|temporal|http|process)[_:][a-z0-9_:]+")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def exported() -> set[str]:
    assert work.CHANGES is not None
    names = {family.name for family in STATE_FAMILIES}
    for family in REGISTRY.collect():
        if family.type == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
        else:
            names.add(f"{family.name}_total" if family.type == "counter" else family.name)
    return names


def names_in(query: str) -> set[str]:
    return set(_NAME.findall(re.sub(r'"[^"]*"', '""', query)))


def queries(board: Board) -> Iterator[str]:
    return (query.expr for panel in board.panels for query in panel.queries)


def test_every_metric_of_a_rule_is_exported() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {name for rule in rules() for name in names_in(rule["expr"])}
    assert used - exported() - recorded - OF_THE_SDK == set()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_metric_of_a_dashboard_is_exported(board: Board) -> None:
    assert {name for query in queries(board) for name in names_in(query)} - exported() - OF_THE_SDK <= {
        "process_cpu_seconds_total"
    }


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_committed_dashboard_is_what_the_generator_writes(board: Board) -> None:
    written = json.loads((FOLDER / "dashboards" / f"{board.uid}.json").read_text())
    found = [(panel["title"], [each["expr"] for each in panel["targets"]]) for panel in written["panels"]]
    assert found == [(panel.title, [query.expr for query in panel.queries]) for panel in board.panels], (
        "run `make dashboards`"
    )


def test_every_alert_has_a_severity_a_summary_and_a_page_of_the_run_book() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in {"page", "ticket", "none"}
        assert alert["annotations"]["summary"].endswith(".")
        assert alert["annotations"]["runbook_url"]


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    cases = yaml.safe_load((FOLDER / "rules.test.yml").read_text())["tests"]
    fired = {check["alertname"] for case in cases for check in case["alert_rule_test"] if check["exp_alerts"]}
    assert fired == {alert["alert"] for alert in alerts()}


def test_every_alert_points_at_the_section_of_a_problem_or_of_the_alerts_page() -> None:
    problems = {f"docs/runbook.md#{anchor(code)}" for code in PROBLEMS}
    written = {
        f"docs/alerts.md#{line.lstrip('# ').strip().lower().replace(' ', '-')}"
        for line in ALERTS_PAGE.read_text().splitlines()
        if line.startswith("#")
    }
    wanted = {alert["annotations"]["runbook_url"] for alert in alerts()}
    assert wanted - problems - written == set()


def test_every_problem_that_may_page_has_an_alert() -> None:
    wanted = {anchor(code) for code, kind in PROBLEMS.items() if str(kind.severity) == "page"}
    named = {alert["annotations"]["runbook_url"].partition("#")[2] for alert in alerts()}
    assert wanted - named == set()


def test_the_cases_start_from_the_rules_beside_them() -> None:
    cases = yaml.safe_load((FOLDER / "rules.test.yml").read_text())
    assert cases["rule_files"] == ["rules.yml"]


def test_no_target_of_a_local_engine_has_a_label_that_a_metric_has() -> None:
    labels = {name for family in STATE_FAMILIES for name in family.labels}
    for value in vars(work).values():
        labels.update(getattr(value, "_labels", None) or getattr(value, "_labelnames", ()) or ())
    targets = scrape_targets({"api": 1})
    assert {name for target in targets for name in target["labels"]} & labels == set()
