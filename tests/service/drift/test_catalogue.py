"""`tidegate catalogue` against an org over a real socket: what is written, what is refused, and
what a check says of planted differences.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients.salesforce.describe import OrgSchema
from schemas.catalogue import Pii, load_catalogue
from schemas.catalogue_check import Costs
from schemas.drift import DriftPolicy
from schemas.errors import CatalogueNotMadeError
from tests.sandbox import every_type as types
from tests.sandbox.org_in_process import http_client
from tests.support.engines.estate import REST
from tests.support.engines.served_org import ServedOrg, served_org
from transforms.drift.compare_schema import compare_schema
from workers.catalogue import Wanted, check_catalogue, generate_catalogue
from workers.settings import Settings

pytestmark = pytest.mark.service


@pytest.fixture
async def org(tmp_path: Path) -> AsyncIterator[ServedOrg]:
    async with served_org(tmp_path / "org") as served:
        yield served


@pytest.fixture
async def admin(org: ServedOrg) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(org.app, org.org) as client:
        yield client


@pytest.fixture
def settings(org: ServedOrg) -> Settings:
    """Of an engine that has never run: nothing answers but the org."""
    identity = org.org.identity
    return Settings.model_validate(
        {
            "salesforce": {
                "org_id": identity.org_id,
                "login_url": org.url,
                "client_id": identity.client_id,
                "client_secret": identity.client_secret,
            },
            "s3": {"bucket": "b", "region": "eu-west-2", "kms_key_id": "k"},
            "warehouse": {"kind": "postgres", "dsn": "postgresql://nobody@127.0.0.1:1/none"},
            "operational": {"dsn": "postgresql://nobody@127.0.0.1:1/none"},
            "temporal": {"address": "127.0.0.1:1"},
        }
    )


async def done(answer: httpx.Response) -> None:
    assert answer.status_code in (200, 201, 204), answer.text


async def add(admin: httpx.AsyncClient, name: str, object_name: str = "Account", **field: Any) -> None:
    await done(await admin.post(f"/sandbox/fields/{object_name}", json={"name": name, **field}))


async def deselect(admin: httpx.AsyncClient, object_name: str) -> None:
    soql = f"SELECT Id FROM PlatformEventChannelMember WHERE SelectedEntity = '{object_name}ChangeEvent'"
    [row] = (await admin.get(f"{REST}/tooling/query", params={"q": soql})).json()["records"]
    await done(await admin.delete(f"{REST}/tooling/sobjects/PlatformEventChannelMember/{row['Id']}"))


async def refused(settings: Settings, wanted: Wanted) -> str:
    with pytest.raises(CatalogueNotMadeError) as caught:
        await generate_catalogue(settings, wanted)
    return "\n".join(caught.value.problems)


async def test_the_org_has_nothing_else_than_a_catalogue_of_everything_that_it_has(
    org: ServedOrg, admin: httpx.AsyncClient, settings: Settings, tmp_path: Path
) -> None:
    await types.add_all(admin)
    await add(admin, "Body__c", type="base64")
    await add(admin, "Loc__c", type="location", scale=7)
    await add(admin, "tide__Home__c", type="address")
    await add(admin, "ShippingAddress", type="address")
    await add(admin, f"tide__{'Ab' * 20}__c", type="string")
    await add(admin, "Status__c", type="string")
    await add(admin, "Status", type="picklist", picklist=["a: b", "no"], restricted=True)
    await done(await admin.post("/sandbox/person-accounts"))

    made = await generate_catalogue(settings, Wanted(all_with_cdc=True, history=frozenset({"Account"})))
    file = tmp_path / "catalogue.yaml"
    file.write_text(made.generated.text)
    found = load_catalogue(file)
    assert found == made.generated.catalogue
    selected = {name for name in org.org.records if org.org.channels.selects(name)}
    assert list(found.objects) == sorted(selected)
    assert (made.paid_by, made.calls) == ("allowance", 1 + 2 * len(found.objects))

    schema = OrgSchema(org.http)
    for name, spec in found.objects.items():
        assert compare_schema(spec, await schema.fields(name), DriftPolicy(), {}) == []
    checked = await check_catalogue(settings, file)
    assert (checked.differences, checked.is_well) == ((), True)
    assert checked.calls == 1 + len(found.objects)

    account = found.object("Account")
    assert account.history
    assert account.compounds["Loc__c"] == {"Latitude": "Loc__Latitude__s", "Longitude": "Loc__Longitude__s"}
    assert account.compounds["tide__Home__c"]["StateCode"] == "tide__Home__StateCode__s"
    assert account.compounds["Name"]["LastName"] == "LastName"
    assert account.fields["Name"].pii is Pii.PERSONAL
    assert account.fields["Status"].values == ("a: b", "no")
    assert "Body__c" in account.ignored
    assert "# column status_" in made.generated.text

    again = await generate_catalogue(settings, Wanted(all_with_cdc=True, history=frozenset({"Account"})))
    assert again.generated.text == made.generated.text


async def test_what_setup_says_of_a_field_decides_how_it_is_treated(
    admin: httpx.AsyncClient, settings: Settings
) -> None:
    await add(admin, "Told__c", "Case", type="string", compliance="GDPR", classification="Internal")
    await add(admin, "Secret__c", "Case", type="double", classification="MissionCritical")
    await add(admin, "Open__c", "Case", type="textarea", length=32_000, classification="Public")
    await add(admin, "Text__c", "Case", type="textarea", length=32_000)
    made = (await generate_catalogue(settings, Wanted(["Case"]))).generated
    fields = made.catalogue.object("Case").fields
    assert [fields[name].pii for name in ("Told__c", "Secret__c", "Open__c", "Text__c")] == [
        "personal",
        "sensitive",
        "none",
        "personal",
    ]
    assert "Case.Text__c" in made.to_decide
    assert "Case.Open__c" not in made.to_decide


async def test_objects_that_cannot_be_taken_are_all_named_and_nothing_is_made(
    admin: httpx.AsyncClient, settings: Settings
) -> None:
    await deselect(admin, "Case")
    await done(await admin.patch("/sandbox/permissions", json={"objects": {"Payment__c": "none"}}))
    wanted = Wanted(["Case", "Payment__c", "Nowhere__c", "account", "Contact"], history=frozenset({"User"}))
    told = await refused(settings, wanted)
    assert "Case: not selected for change events. Setup > Change Data Capture > move Case" in told
    assert "Payment__c: the org has no such object, or hides it" in told
    assert "Nowhere__c: the org has no such object" in told
    assert "account: the org calls it Account" in told
    assert "User: --history names it" in told
    assert "Contact:" not in told
    polled = await generate_catalogue(settings, Wanted(["Case", "Contact"], polled=True))
    assert list(polled.generated.catalogue.objects) == ["Case", "Contact"]


async def test_all_with_cdc_is_what_is_selected_behind_what_is_named(
    admin: httpx.AsyncClient, settings: Settings
) -> None:
    await deselect(admin, "Case")
    made = await generate_catalogue(settings, Wanted(["Opportunity"], all_with_cdc=True))
    names = list(made.generated.catalogue.objects)
    assert names == ["Opportunity", "Account", "Contact", "Payment__c", "ServiceRequest__c"]


async def test_without_the_right_to_view_setup_nobody_can_say_what_is_selected(
    admin: httpx.AsyncClient, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text((await generate_catalogue(settings, Wanted(["Case"], polled=True))).generated.text)
    await done(await admin.patch("/sandbox/permissions", json={"view_setup": False}))
    for wanted in (Wanted(["Case"]), Wanted(["Case"], polled=True)):
        assert "View Setup and Configuration" in await refused(settings, wanted)
    (blind,) = (await check_catalogue(settings, file)).differences
    assert (blind.what, blind.costs) == ("cdc", Costs.UNKNOWN)


async def test_a_check_names_what_would_be_missed_or_isolated(
    admin: httpx.AsyncClient, settings: Settings, tmp_path: Path
) -> None:
    await add(admin, "Loc__c", type="location", scale=7)
    made = (await generate_catalogue(settings, Wanted(["Account", "Case", "Payment__c"]))).generated
    file = tmp_path / "catalogue.yaml"
    file.write_text(made.text.replace("part_of: Loc__c, part: Latitude, ", ""))
    await deselect(admin, "Case")
    await add(admin, "New__c", "Case", type="string")
    await done(await admin.post("/sandbox/person-accounts"))
    rights = {"objects": {"Payment__c": "none"}, "hidden_fields": ["Case.Subject"]}
    await done(await admin.patch("/sandbox/permissions", json=rights))

    found = await check_catalogue(settings, file)
    worst = {
        (each.object, each.field, each.what, each.costs)
        for each in found.differences
        if each.costs is not Costs.NOTHING and not each.field.startswith("Person")
    }
    assert worst >= {
        ("Payment__c", "", "object_missing", Costs.MISSED),
        ("Case", "", "cdc_not_selected", Costs.MISSED),
        ("Case", "New__c", "added", Costs.MISSED),
        ("Case", "Subject", "removed", Costs.MISSED),
        ("Account", "Loc__Latitude__s", "part", Costs.ISOLATED),
        ("Account", "Name", "persons", Costs.ISOLATED),
    }
    assert all(each.advice for each in found.differences)
    assert not found.is_well
