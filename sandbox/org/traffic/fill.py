"""Old records by the million: what an org holds before anybody follows it. They emit no events, as
if retention had passed.

A few hundred prototypes are made by the forms of the traffic; the rest are copies with an id, an
external id, a number and times of their own, so that ten million rows are a matter of minutes
and every column still holds something plausible.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from pydantic import BaseModel, ConfigDict, Field

from sandbox.org.data.records import Records
from sandbox.org.errors import SalesforceError
from sandbox.org.state.org import Org
from sandbox.org.traffic import forms
from sandbox.org.traffic.world import World

_PROTOTYPES = 300
_CHUNK_ROWS = 2_500
"""Rows that keep everybody else waiting."""
_LONG_TEXT = 255
"""Characters beyond which a text is a long one."""


class FillPlan(BaseModel):
    """How many old records of one object."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    object: str
    records: int = Field(ge=1, le=100_000_000)
    days: float = Field(default=700, gt=0, le=3_000)
    """Their modstamps are spread evenly over so many days, the last of them an hour ago by the
    org's clock.
    """
    long_texts: bool = False
    """True fills long texts too: 4 KB a record instead of 1."""
    seed: int = 1


async def fill(org: Org, plan: FillPlan) -> int:
    """Make the records; returns how many. Others are served meanwhile. Raises `SalesforceError` for
    an unknown object.
    """
    records = org.records_of(plan.object)
    prototypes = _prototypes(org, records, plan)
    statement = _copy_statement(records)
    rows = _rows(org, records, plan, prototypes)
    made = len(prototypes)
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        with org.batch():
            org.store.connection.executemany(statement, chunk)
        made += len(chunk)
        org.counts[plan.object] += len(chunk)
        await asyncio.sleep(0)
    return made


def _prototypes(org: Org, records: Records, plan: FillPlan) -> list[int]:
    """Row numbers of the records that are copied; they are records of the org themselves."""
    world = World(org, plan.seed)
    user = org.identity.user_id
    first_stamp = _stamp(_beginning(org, plan))
    made = []
    with org.batch():
        for _ in range(min(_PROTOTYPES, plan.records)):
            form = _form(world, plan.object)
            if not plan.long_texts:
                form = {name: value for name, value in form.items() if not _is_long(value)}
            values = records.for_create(form, user, first_stamp)
            record_id = records.insert(values, first_stamp)
            made.append(int(str(records.fetch(record_id, ())[0])))
    org.counts[plan.object] += len(made)
    return made


def _is_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > _LONG_TEXT


def _form(world: World, object_name: str) -> dict[str, object]:
    account, contact = world.hot("Account"), world.hot("Contact")
    match object_name:
        case "Account":
            return forms.account(world)
        case "Contact":
            return forms.contact(world, account)
        case "Case":
            return forms.case(world, account, contact)
        case "ServiceRequest__c":
            return forms.service_request(world, account, contact, world.young("Case"))
        case "Opportunity":
            return forms.opportunity(world, account)
        case "Payment__c" if account is not None:
            return forms.payment(world, account, world.young("ServiceRequest__c"), None)
        case "Payment__c":
            raise SalesforceError("REQUIRED_FIELD_MISSING", "Payments need accounts: fill Account first")
        case _:
            raise SalesforceError("INVALID_TYPE", f"nobody knows how to fill in a {object_name}")


def _copy_statement(records: Records) -> str:
    """Its parameters are the keys of `_rows`: `copied` is a row number."""
    own = {
        "CreatedDate": ":stamp",
        "LastModifiedDate": ":stamp",
        "ExternalId__c": ":external_id",
        "CaseNumber": ":number",
    }
    if records.spec.name.endswith("__c"):
        own["Name"] = ":id"
    columns = list(records.spec.fields)
    selected = ", ".join(own.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    table = records.spec.name
    return (
        f'INSERT INTO "{table}" (Id, IsDeleted, SystemModstamp, {names}) '
        f'SELECT :id, 0, :stamp, {selected} FROM "{table}" WHERE rowid = :copied'
    )


def _rows(
    org: Org, records: Records, plan: FillPlan, prototypes: list[int]
) -> Iterator[dict[str, str | int]]:
    count = plan.records - len(prototypes)
    beginning = _beginning(org, plan)
    step = timedelta(days=plan.days) / max(count, 1)
    second, stamp = -1, ""
    tag = f"OLD-{org.commit_number}-{records.ids.counter}"
    for number in range(count):
        record_id = records.ids.next()
        moment = beginning + step * number
        if int(moment.timestamp()) != second:
            second, stamp = int(moment.timestamp()), _stamp(moment)
        yield {
            "id": record_id,
            "stamp": stamp,
            "external_id": f"{tag}-{number:09d}",
            "number": f"{records.ids.counter:08d}",
            "copied": prototypes[number % len(prototypes)],
        }


def _beginning(org: Org, plan: FillPlan) -> datetime:
    return datetime.fromtimestamp(org.clock.seconds(), UTC) - timedelta(days=plan.days, hours=1)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
