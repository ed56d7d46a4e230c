"""Isolated fields in reconciliations: named, neither equal nor repaired in circles, and repaired
when their value fits.
"""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from temporalio.client import Client

from clients.storage.objects import ObjectStore
from clients.warehouse.postgres import PostgresWarehouse
from sandbox.org.traffic.fill import FillPlan, fill
from schemas.catalogue import Catalogue, default_catalogue
from schemas.reconcile import Depth, ReconcileState, Verdict
from tests.support.engines.reconciling import BEHIND, ReconcilingEngine
from tests.support.engines.served_org import ServedOrg, served_org
from tests.support.engines.small_engine import serving_engine
from transforms.reconcile.cost import calls_needed

pytestmark = pytest.mark.service

LONG = "https://example.com/a-long-way"


def narrow() -> Catalogue:
    """The shipped catalogue, in which fewer values of Account fit: one number, two texts."""
    described = default_catalogue().model_dump(mode="json")
    fields = described["objects"]["Account"]["fields"]
    fields["Website"]["length"] = len(LONG) - 1
    fields["NumberOfEmployees"] |= {"max": 1_000, "severity": {"max": "isolate"}}
    fields["Industry"] |= {"required": True, "severity": {"required": "isolate"}}
    return Catalogue.model_validate(described)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path, None, BEHIND) as found:
        yield found


@pytest.fixture
def engines(
    client: Client, store: ObjectStore, warehouse: PostgresWarehouse, database: str, served: ServedOrg
) -> dict[str, ReconcilingEngine]:
    """One engine before and one after its catalogue was widened, on the same parts."""

    def made(name: str, catalogue: Catalogue) -> ReconcilingEngine:
        org = f"{name}{uuid.uuid4().hex[:10]}"
        return ReconcilingEngine(client, served, store, warehouse, database, org=org, catalogue=catalogue)

    return {"narrow": made("narrow", narrow()), "wide": made("wide", default_catalogue())}


async def fill_with_misfits(engine: ReconcilingEngine) -> dict[str, list[str]]:
    """Sixty records of as many days, of which three have fields that do not fit; returns these
    fields.
    """
    org = engine.served.org
    await fill(org, FillPlan(object="Account", records=60, days=60))
    with org.batch():
        set_all = "UPDATE \"Account\" SET NumberOfEmployees = 7, Website = NULL, Industry = 'Health'"
        org.store.connection.execute(set_all)
        ids = [
            row[0] for row in org.store.connection.execute('SELECT Id FROM "Account" ORDER BY Id LIMIT 40')
        ]
        some = {ids[9]: "NumberOfEmployees = 5000", ids[19]: f"Website = '{LONG}', NumberOfEmployees = 3000"}
        some[ids[29]] = "Industry = NULL"
        for record_id, values in some.items():
            org.store.connection.execute(f'UPDATE "Account" SET {values} WHERE Id = ?', (record_id,))
    await engine.backfill("Account")
    return {
        ids[9]: ["NumberOfEmployees"],
        ids[19]: ["NumberOfEmployees", "Website"],
        ids[29]: ["Industry"],
    }


def named(engine: ReconcilingEngine, state: ReconcileState) -> dict[str, list[str]]:
    report = orjson.loads(engine.store.get(str(state.report_key)))
    return {each["record_id"]: sorted(each["fields"]) for each in report["isolated_fields"]}


async def test_isolated_fields_are_named_at_every_depth_and_cost_the_same_each_time(
    engines: dict[str, ReconcilingEngine],
) -> None:
    async with serving_engine(engine := engines["narrow"]):
        assert isinstance(engine, ReconcilingEngine)
        expected = await fill_with_misfits(engine)
        logged = engine.rows("SELECT COUNT(*) FROM audit.account_change")
        # Aggregates, and the three records by their ids; then every record; then every field, and
        # nothing else.
        for depth, calls in ((Depth.BUCKETS, 2), (Depth.IDS, 3), (Depth.FIELDS, 2)):
            for number in range(2):
                engine.served.calls()
                state = await engine.reconcile("Account", f"{depth}-{number}", depth=depth)
                assert (state.verdict, state.found, state.repaired) == (Verdict.ISOLATED, 0, 0)
                assert (state.calls, len(engine.served.calls())) == (calls, calls), (depth, state.costs)
                assert calls_needed(60, 0, days=60, depth=depth, isolated=3).calls == calls
                assert named(engine, state) == expected
                assert state.sentence().startswith("equal but for 4 isolated fields of 3 records, named")
        assert engine.rows("SELECT COUNT(*) FROM audit.account_change") == logged, "nothing was repaired"
        rows = engine.rows("SELECT DISTINCT verdict, found, isolated FROM ops.reconciliation")
        assert rows == [("isolated", 0, 4)]


async def test_a_value_that_fits_since_the_catalogue_was_widened_is_repaired_though_the_org_is_as_it_was(
    engines: dict[str, ReconcilingEngine],
) -> None:
    async with serving_engine(engines["narrow"]):
        expected = await fill_with_misfits(engines["narrow"])
    async with serving_engine(engine := engines["wide"]):
        assert isinstance(engine, ReconcilingEngine)
        state = await engine.reconcile("Account", "first")
        assert (state.verdict, state.found) == (Verdict.REPAIRED, 3)
        differences = orjson.loads(engine.store.get(str(state.report_key)))["differences"]
        assert {each["record_id"]: sorted(each["fields"]) for each in differences} == expected
        assert open_findings(engine) == []
        assert engine.rows("SELECT COUNT(*) FROM curated.account_current WHERE website IS NOT NULL") == [(1,)]
        again = await engine.reconcile("Account", "again", depth=Depth.FIELDS)
        assert (again.verdict, again.found) == (Verdict.EQUAL, 0)


async def test_a_value_that_was_mended_in_the_org_is_repaired_and_the_others_stay_named(
    engines: dict[str, ReconcilingEngine],
) -> None:
    async with serving_engine(engine := engines["narrow"]):
        assert isinstance(engine, ReconcilingEngine)
        expected = await fill_with_misfits(engine)
        mended = next(iter(expected))
        with engine.served.org.transaction() as tx:
            tx.update("Account", mended, {"NumberOfEmployees": 12})
        engine.served.org.advance_clock(60)
        state = await engine.reconcile("Account", "first")
        assert (state.verdict, state.found, state.repaired) == (Verdict.ISOLATED, 1, 1)
        assert state.sentence().startswith("repaired, equal but for 3 isolated fields of 2 records")
        assert sorted(named(engine, state)) == sorted(set(expected) - {mended})
        assert (mended, "NumberOfEmployees") not in open_findings(engine)
        [row] = engine.rows(
            f"SELECT number_of_employees, unknown_fields FROM curated.account_current WHERE record_id = '{mended}'"
        )
        assert row == (12, None)


async def test_beside_an_isolated_number_the_other_sums_of_its_day_are_compared(
    engines: dict[str, ReconcilingEngine],
) -> None:
    async with serving_engine(engine := engines["narrow"]):
        assert isinstance(engine, ReconcilingEngine)
        expected = await fill_with_misfits(engine)
        isolated = next(iter(expected))
        org = engine.served.org
        with org.batch():
            org.store.connection.execute(
                'UPDATE "Account" SET OpenBalance__c = 12.5 WHERE Id = ?', (isolated,)
            )
        state = await engine.reconcile("Account", "first")
        assert (state.verdict, state.found, state.left) == (Verdict.ISOLATED, 1, 0)


def open_findings(engine: ReconcilingEngine) -> list[tuple[Any, ...]]:
    return engine.rows(
        "SELECT record_id, field FROM ops.quality WHERE resolved_at IS NULL AND record_id <> ''"
    )
