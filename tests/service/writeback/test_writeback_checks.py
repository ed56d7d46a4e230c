"""Whatever the checks accept, the org accepts: the checks know the org's rules from elsewhere, the
org is the judge.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from sandbox.org.rest.describe import describe_entity
from sandbox.org.state.dml import Dml, Write
from sandbox.org.state.org import Org
from schemas.catalogue import FieldType, default_catalogue
from schemas.salesforce.describe import DescribedObject
from tests.sandbox.org_in_process import new_org
from tests.support.builders.bus import protector
from tests.support.builders.writebacks import NOON, request
from transforms.drift.describe import described
from transforms.writeback.validate import PreparedWriteback, WritebackChecks

CATALOGUE = default_catalogue()
NEEDED: dict[str, dict[str, Any]] = {
    "Account": {"Name": "x"},
    "Contact": {"LastName": "x"},
    "Case": {"Status": "New"},
    "Opportunity": {"Name": "x", "StageName": "Won", "CloseDate": "2026-01-01"},
    "ServiceRequest__c": {"Status__c": "Submitted"},
    "Payment__c": {"Status__c": "Sent", "Amount__c": 1},
}
"""Without these the org makes no record."""


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    made = new_org(tmp_path_factory.mktemp("org"))
    account = made.create("Account", {"Name": "Parent", "ExternalId__c": "A-1"})
    for name, fields in NEEDED.items():
        also = {"Account__c": account} if name == "Payment__c" else {}
        made.create(name, {**fields, **also, "ExternalId__c": "X-1"})
    yield made
    made.store.close()


def facts(org: Org, name: str) -> DescribedObject:
    """The org's describe of an object."""
    answer = describe_entity(org.entities.all[name], org.entities, "/x", writable=True)
    return described(answer, NOON)


TEXTS = st.text(max_size=45) | st.sampled_from(["New", "new", "Settled", "a@b.c", "2026-02-30", "", " "])
NUMBERS = st.integers(-(2**33), 2**33) | st.floats() | st.sampled_from([10**15, 10**16, 10**17, 0.5, 1.005])
TIMES = (
    st.datetimes().map(lambda at: at.isoformat() + "Z")
    | st.dates().map(str)
    | st.sampled_from(
        ["2026-11-25T10:00:00+01:00", "2026-11-25T10:00:00.123+0100", "2026-11-25T10:00:00", "2026-W01-1"]
    )
)
IDS = st.sampled_from(["001Tg0000000001IAA", "001Tg0000000001", "005", "x" * 15])
PARENTS = st.sampled_from([{"ExternalId__c": "A-1"}, {"ExternalId__c": ""}, {"Name": "Parent"}, {}])
VALUES = st.none() | st.booleans() | TEXTS | NUMBERS | TIMES | IDS | PARENTS | st.lists(st.text(), max_size=1)


@st.composite
def writebacks(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(sorted(NEEDED)))
    fields = [
        *CATALOGUE.objects[name].fields,
        "Account",
        "Account__r",
        "Id",
        "DaysOpen__c",
        "AccountRegion__c",
        "nO",
    ]
    return name, draw(st.dictionaries(st.sampled_from(fields), VALUES, min_size=1, max_size=4))


def account_alone(name: str, fields: dict[str, Any]) -> bool:
    """References that are given lead to the one account there is; whether a record exists is for
    the org to know.
    """
    spec = CATALOGUE.objects[name].fields
    given = [
        (spec[field], value)
        for field, value in fields.items()
        if field in spec and isinstance(value, str) and value
    ]
    return all(each.references == ("Account",) for each, _ in given if each.type is FieldType.REFERENCE)


@settings(max_examples=1_500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writebacks())
def test_whatever_the_checks_accept_the_org_accepts(org: Org, drawn: tuple[str, dict[str, Any]]) -> None:
    name, fields = drawn
    known = facts(org, name)
    checks = WritebackChecks(CATALOGUE, protector(), lambda _: known)
    found = checks.check(0, request(object=name, external_id="X-1", fields=fields), NOON)
    if not isinstance(found, PreparedWriteback) or not account_alone(name, fields):
        return
    sent = {field: opened(name, field, value) for field, value in found.fields.items()}
    write = Write("upsert", name, {**sent, "ExternalId__c": "X-1"}, key="ExternalId__c")
    [outcome] = Dml(org).write([write], user=org.identity.user_id, origin="")
    assert outcome.error is None, (name, fields, str(outcome.error))


def opened(name: str, field: str, value: Any) -> Any:
    """As it is sent: tokens are opened again."""
    spec = CATALOGUE.objects[name].fields.get(field)
    is_token = spec is not None and spec.is_protected and value is not None
    return protector().decrypt_writeback(f"{name}.{field}", value) if is_token else value


def test_the_checks_accept_what_an_honest_caller_sends(org: Org) -> None:
    known = facts(org, "Case")
    checks = WritebackChecks(CATALOGUE, protector(), lambda _: known)
    fields = {
        "Subject": "A roof", "Status": "In Review", "Priority": None, "AccountId": "001Tg0000000001", "IsEscalated": True,
        "SuppliedEmail": "ada@example.org", "DueDate__c": "2026-12-01", "SlaHours__c": 2, "TouchCount__c": 3.0,
        "ClosedDate": "2026-11-25T10:00:00.123+01:00", "OwnerId": org.identity.user_id,
    }  # fmt: skip
    assert isinstance(checks.check(0, request(external_id="X-1", fields=fields), NOON), PreparedWriteback)


def test_the_describe_of_the_org_tells_what_the_catalogue_cannot(org: Org) -> None:
    case = facts(org, "Case")
    assert case.fields["Priority"].values == ("Low", "Medium", "High", "Urgent")
    assert case.fields["Origin"].values is None
    assert (case.fields["CaseNumber"].updateable, case.fields["AccountRegion__c"].createable) == (
        False,
        False,
    )
    assert case.fields["Subject"].length == 255
