"""The Salesforce CLI: login by JWT, records one by one and by files, Bulk API 2.0, describes, bare
requests.
"""

import csv

import pytest

from tests.real_clients.org import AWKWARD_TEXTS
from tests.real_clients.salesforce_cli import Cli

pytestmark = pytest.mark.real_client


@pytest.fixture(scope="module")
def cli(salesforce, tmp_path_factory):
    return Cli(salesforce, tmp_path_factory.mktemp("sf"))


def test_a_login_finds_out_what_org_it_is(salesforce, cli):
    assert (cli.login["orgId"], cli.login["name"]) == (salesforce.identity["org_id"], "Tidegate sandbox")
    assert cli.login["isSandbox"]


def test_a_record_is_made_read_changed_and_deleted(salesforce, cli):
    text = AWKWARD_TEXTS[2]
    values = f"Name='By the CLI' Description='{text}'"
    made = cli.sf("data", "create", "record", "--sobject", "Account", "--values", values)
    by_id = ("--sobject", "Account", "--record-id", made["id"])
    assert cli.sf("data", "get", "record", *by_id)["Description"] == text
    cli.sf("data", "update", "record", *by_id, "--values", "Name='Changed by the CLI'")
    cli.sf("data", "delete", "record", *by_id)
    held = salesforce.records("Account", deleted=True)[made["id"]]
    assert (held["Name"], held["IsDeleted"]) == ("Changed by the CLI", True)


def test_a_query_over_all_pages_gives_every_record(salesforce, cli):
    found = cli.sf("data", "query", "--query", "SELECT Id FROM Payment__c")
    assert {row["Id"] for row in found["records"]} == set(salesforce.records("Payment__c"))
    assert found["totalSize"] == len(found["records"])


def test_a_file_of_rows_is_imported_and_exported_by_bulk_jobs(salesforce, cli):
    rows = [{"LastName": f"Row {number}", "Company": "By file, quoted"} for number in range(30)]
    given, taken = cli.folder / "leads.csv", cli.folder / "exported.csv"
    with given.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["LastName", "Company"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    done = cli.sf("data", "import", "bulk", "--file", str(given), "--sobject", "Lead", "--wait", "5")
    assert (done["processedRecords"], done["failedRecords"]) == (30, 0)
    soql = "SELECT LastName, Company FROM Lead WHERE Company = 'By file, quoted'"
    where = ("--output-file", str(taken), "--result-format", "csv", "--wait", "5")
    cli.sf("data", "export", "bulk", "--query", soql, *where)
    with taken.open(newline="") as file:
        assert sorted(csv.DictReader(file), key=str) == sorted(rows, key=str)


def test_objects_and_their_fields_are_described(cli):
    assert {"ServiceRequest__c", "Payment__c"} <= set(cli.sf("sobject", "list", "--sobject", "custom"))
    described = cli.sf("sobject", "describe", "--sobject", "Opportunity")
    fields = {field["name"]: field for field in described["fields"]}
    assert not fields["IsWon"]["createable"]
    assert "Closed Won" in [value["value"] for value in fields["StageName"]["picklistValues"]]


def test_limits_are_listed(cli):
    assert "DailyApiRequests" in {limit["name"] for limit in cli.sf("limits", "api", "display")}
