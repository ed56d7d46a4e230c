"""A reconciliation on the terminal: its verdict, what differs, and what it costs."""

from typing import Any

import orjson
from rich.table import Table

from cli.output import OUT, print_json
from cli.stores import object_store
from clients.warehouse.sql import reconcile as sql
from schemas.catalogue import load_catalogue
from schemas.reconcile import Depth, ReconcileState
from transforms.reconcile.cost import ReconcileCostConfig, calls_needed
from workers.clients import open_warehouse
from workers.settings import Settings

_SHOWN = 20
_STAGES = ("beginning", "checking the log", "asking", "waiting", "comparing", "repairing", "done")


def share(state: ReconcileState) -> float:
    """How far it is, from 0 to 1, by its stage. A stage may retry later: the bar stands still
    then.
    """
    place = next((place for place, name in enumerate(_STAGES) if state.stage.startswith(name)), 0)
    return place / (len(_STAGES) - 1)


def report_of(settings: Settings, done: ReconcileState) -> dict[str, Any]:
    """The report in the object store, with every difference; the state alone where none is kept."""
    if done.report_key is None:
        return done.model_dump(mode="json")
    found: dict[str, Any] = orjson.loads(object_store(settings).get(done.report_key))
    return found


def show_report(done: ReconcileState, report: dict[str, Any]) -> None:
    """Print the verdict, and the first differences of the report."""
    OUT.print(f"{done.object}: {done.sentence()}")
    if done.org_records is not None:
        OUT.print(
            f"{done.org_records:,} live records in the org, {done.warehouse_records:,} in the warehouse"
        )
    if done.log is not None:
        OUT.print(f"{done.log.records:,} records held against the change log, {done.log.altered:,} altered")
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in done.kinds.items())
    OUT.print(f"{done.found:,} differences found{f' ({kinds})' if kinds else ''}, {done.repaired:,} repaired")
    if done.trouble:
        OUT.print(f"the repair failed: {done.trouble}")
    differences = report.get("differences", [])
    if differences:
        table = Table("record", "what is wrong", "fields", box=None)
        for each in differences[:_SHOWN]:
            table.add_row(each["record_id"], each["kind"], ", ".join(each["fields"]))
        OUT.print(table)
        if len(differences) > _SHOWN:
            OUT.print(f"… and {len(differences) - _SHOWN:,} more: {done.report_key} in the bucket, or --json")
    _show_isolated(done, report.get("isolated_fields", []))
    costs = ", ".join(f"{cost.calls} {cost.step}" for cost in done.costs)
    OUT.print(f"{done.calls} API calls: {costs}")


def _show_isolated(done: ReconcileState, listed: list[dict[str, Any]]) -> None:
    if not listed:
        return
    table = Table("record", "isolated fields: their value does not fit", box=None)
    for each in listed[:_SHOWN]:
        table.add_row(each["record_id"], ", ".join(each["fields"]))
    OUT.print(table)
    more = (done.isolated.records if done.isolated else 0) - _SHOWN
    if more > 0:
        OUT.print(f"… and {more:,} more: {done.report_key} in the bucket, or --json")


def show_cost(settings: Settings, object_name: str, depth: Depth, differences: int, *, as_json: bool) -> None:
    """Print the API calls that a reconciliation would take.

    Args:
        settings: Which engine.
        object_name: Of the catalogue.
        depth: How deep it would look.
        differences: Records that are assumed to differ.
        as_json: Print JSON.
    """
    spec = load_catalogue(settings.catalogue).object(object_name)
    warehouse = open_warehouse(settings)
    try:
        with warehouse.reading() as reading:
            ((rows, days),) = reading.fetch(sql.count_days(spec))
            ((isolated,),) = reading.fetch(sql.count_with_isolated(spec))
    finally:
        warehouse.close()
    terms = ReconcileCostConfig(page_rows=settings.reconciliation.page_rows)
    needed = calls_needed(
        int(rows), differences, days=int(days), depth=depth, isolated=int(isolated), terms=terms
    )
    parts = {name: getattr(needed, name) for name in ("buckets", "records", "examine", "repair", "again")}
    if as_json:
        print_json({"rows": int(rows), "differences": differences, "calls": needed.calls, **parts})
        return
    OUT.print(f"{object_name}: {int(rows):,} rows; at most {needed.calls} API calls, if {differences} differ")
    OUT.print(", ".join(f"{calls} {name}" for name, calls in parts.items()))
