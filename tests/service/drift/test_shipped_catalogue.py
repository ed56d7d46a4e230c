"""The catalogue that ships beside a new sandbox org, as `tidegate demo` starts them: the org has no
field that the catalogue lacks, and no event carries one.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clients.salesforce.describe import OrgSchema
from sandbox.org.data.records import READ_ONLY
from sandbox.org.schema.exact import loads
from sandbox.org.schema.fields import NUMBERS
from sandbox.org.schema.objects import OrgField
from sandbox.org.schema.setup import load_setup
from sandbox.org.state.org import Org
from sandbox.org.traffic.maker import TrafficMaker
from sandbox.org.traffic.plan import TrafficPlan
from schemas.catalogue import FieldType, default_catalogue
from schemas.drift import DriftKind, DriftPolicy
from schemas.quality import Rule
from tests.sandbox.org_in_process import new_org
from tests.support.engines.served_org import ServedOrg, served_org
from transforms.drift.compare_schema import compare_schema
from transforms.ingest.read_payload import PayloadReader

pytestmark = pytest.mark.service

CATALOGUE = default_catalogue()
OBJECTS = sorted(CATALOGUE.objects)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path / "org") as found:
        yield found


def unknown(org: Org) -> set[str]:
    """`Object.Field` of everything in the org's events that the catalogue lacks."""
    readers = {name: PayloadReader(spec, {}) for name, spec in CATALOGUE.objects.items()}
    found: set[str] = set()
    for (body,) in org.store.connection.execute("SELECT body FROM events"):
        payload: dict[str, Any] = loads(body)["payload"]
        header = payload["ChangeEventHeader"]
        name = header["entityName"]
        told = readers[name].read(payload, header["changeType"]).found
        found |= {f"{name}.{each.field}" for each in told if each.rule is Rule.UNKNOWN_FIELD}
    return found


async def test_a_new_org_has_no_field_that_the_catalogue_lacks(served: ServedOrg) -> None:
    schema = OrgSchema(served.http)
    news: list[str] = []
    for name in OBJECTS:
        found = compare_schema(CATALOGUE.object(name), await schema.fields(name), DriftPolicy(), {})
        news += [f"{each.object}.{each.field}" for each in found if each.kind in _OF_NEW_FIELDS]
    assert news == []


_OF_NEW_FIELDS = (DriftKind.ADDED, DriftKind.UNKNOWN, DriftKind.PART)


async def test_traffic_carries_no_field_that_the_catalogue_lacks(served: ServedOrg) -> None:
    traffic = TrafficMaker(served.org)
    traffic.start(TrafficPlan(rate_per_minute=240_000, seconds=0.3))
    while traffic.state()["running"]:  # noqa: ASYNC110 -- a run sets no event
        await asyncio.sleep(0.01)
    await traffic.stop()
    assert served.org.changes_committed >= 1_000
    assert unknown(served.org) == set()


def test_a_record_with_every_field_filled_carries_no_field_that_the_catalogue_lacks(
    tmp_path: Path,
) -> None:
    org = new_org(tmp_path)
    setup, account = load_setup(), ""
    for name in OBJECTS:
        fields = org.store.objects[name].fields
        written = {each: spec for each, spec in fields.items() if each not in READ_ONLY}
        chosen = {
            each: next(iter(setup.values(name, each) or spec.picklist), "a") for each, spec in written.items()
        }
        values = {each: _value(spec, chosen[each]) for each, spec in written.items()}
        parents = {each: account for each, spec in written.items() if spec.references == ("Account",)}
        made = org.create(name, values | ({} if name == "Account" else parents))
        account = made if name == "Account" else account
    [body] = [
        row[0] for row in org.store.connection.execute("SELECT body FROM events WHERE entity = 'Contact'")
    ]
    payload = loads(body)["payload"]
    assert (len(payload["OtherAddress"]), len(payload["MailingAddress"])) == (8, 8)
    assert unknown(org) == set()
    org.store.close()


def _value(spec: OrgField, text: str) -> object:
    """A value that the field takes; None for a reference. `text`: of a text and a picklist."""
    values: dict[FieldType, object] = {
        FieldType.BOOLEAN: True,
        FieldType.INT: 1,
        FieldType.DATE: "2026-01-01",
        FieldType.DATETIME: "2026-01-01T00:00:00.000Z",
        FieldType.EMAIL: "a@example.org",
        FieldType.REFERENCE: None,
        **dict.fromkeys(NUMBERS, 1.5),
    }
    return values.get(spec.type, text)
