"""The page *Reports* answers its ten questions from a model that dbt has built."""

import re
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from clients.storage.objects import ObjectStore, S3Address
from clients.warehouse.postgres import PostgresWarehouse
from clients.warehouse.sql.reports import QUESTIONS
from schemas.catalogue import default_catalogue
from schemas.model import ModelCommand
from tests.service.api.test_console import signed_in
from tests.support.builders.batches import Road
from tests.support.builders.bus import event, stamps
from tests.support.engines.modelling import builder
from tests.support.engines.served_api import served_api

pytestmark = [pytest.mark.service, pytest.mark.model]
ACCOUNT, OWNER = "001000000000001AAA", "005000000000001AAA"


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables


def made(number: int, object_name: str, record: str, **fields: Any) -> dict[str, Any]:
    return event(number, {**fields, **stamps()}, object_name=object_name, record_ids=[record])


def history() -> list[dict[str, Any]]:
    """Some of everything that the questions ask for."""
    case = {"AccountId": ACCOUNT, "OwnerId": OWNER, "SlaHours__c": 0.5}
    cases = [f"50000000000000{number}AAA" for number in range(1, 5)]
    programs = ("Housing", "Housing", "Childcare", "Childcare")
    begun = [
        made(
            10 + place, "Case", each, CaseNumber=str(place), Status="New", Program__c=programs[place], **case
        )
        for place, each in enumerate(cases)
    ]
    decided = [
        event(30 + place, {"Status": "Closed"}, change_type="UPDATE", record_ids=[each])
        for place, each in enumerate(cases[::2])
    ]
    paid = [
        made(
            50 + place,
            "Payment__c",
            f"a0100000000000{place}AAA",
            Account__c=ACCOUNT,
            Status__c=status,
            Amount__c=120.5 + place,
            Currency__c="EUR",
            Program__c="Housing",
            ScheduledAt__c="2026-09-21T14:00:00Z",
        )
        for place, status in enumerate(("Settled", "Returned", "On Hold"))
    ]
    asked = [
        made(
            70 + place,
            "ServiceRequest__c",
            f"a0000000000000{place}AAA",
            Account__c=ACCOUNT,
            Status__c="Submitted",
            Category__c="Rent",
            Urgent__c=bool(place),
        )
        for place in range(2)
    ]
    return [made(1, "Account", ACCOUNT, Name="Ada", Region__c="North"), *begun, *decided, *paid, *asked]


async def test_each_of_the_ten_questions_of_a_program_director_has_an_answer(
    client: Client,
    temporal_address: str,
    database: str,
    warehouse: PostgresWarehouse,
    store: ObjectStore,
    s3_address: S3Address,
    tmp_path: Path,
) -> None:
    async with served_api(client, temporal_address, database, s3_address) as api:
        await Road(store, warehouse).send(history())
        done = builder(database, default_catalogue()).run(ModelCommand.BUILD, folder=tmp_path / "model")
        assert done.is_well, done.problems
        async with signed_in(api, "reader") as browser:
            page = (await browser.get("/console/reports")).text
    sections = re.split(r"<h2 id=\"h-q\d+\">", page)[1:]
    assert [each.partition("<")[0] for each in sections] == [each.title for each in QUESTIONS]
    unanswered = [each.partition("<")[0] for each in sections if '<th scope="row">' not in each]
    assert (len(sections), unanswered) == (10, [])
