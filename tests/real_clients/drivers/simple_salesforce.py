"""A program of a simple-salesforce user: `python simple_salesforce.py CALL` with the org on stdin,
a result on stdout.
"""

import json
import sys

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)

from datetime import UTC

from simple_salesforce import (
    Salesforce,
    SalesforceAuthenticationFailed,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)


def soap(org):
    return Salesforce(username=org["username"], password=org["password"], security_token="", domain="login")


def login(org):
    ways = {
        "soap": soap(org),
        "password grant": Salesforce(
            username=org["username"],
            password=org["password"],
            consumer_key=org["client_id"],
            consumer_secret=org["client_secret"],
            domain="login",
        ),
        "client credentials": Salesforce(
            consumer_key=org["client_id"], consumer_secret=org["client_secret"], domain="acme.my"
        ),
        "jwt": Salesforce(
            username=org["username"],
            consumer_key=org["client_id"],
            privatekey_file=org["private_key_file"],
            domain="login",
        ),
    }
    return {name: sf.query("SELECT Id FROM Organization")["records"][0]["Id"] for name, sf in ways.items()}


def wrong_password(org):
    try:
        Salesforce(username=org["username"], password="wrong", security_token="", domain="login")
    except SalesforceAuthenticationFailed as error:
        return {"code": error.code, "message": error.auth_message}
    return None


def crud(org):
    sf = soap(org)
    made = sf.Account.create({"Name": "Marsh household", "Description": org["text"]})
    read = sf.Account.get(made["id"])
    updated = sf.Account.update(made["id"], {"Description": None})
    external = f"SS-{made['id']}"
    upserted = sf.Account.upsert(f"ExternalId__c/{external}", {"Name": "Upserted household"})
    again = sf.Account.upsert(f"ExternalId__c/{external}", {"Name": "Upserted again"})
    found = sf.Account.get_by_custom_id("ExternalId__c", external)
    deleted = sf.Account.delete(made["id"])
    try:
        sf.Account.get(made["id"])
        gone = None
    except SalesforceResourceNotFound as error:
        gone = [error.status, error.content[0]["errorCode"]]
    try:
        sf.Account.create({"NoSuchField__c": 1, "Name": "x"})
        refused = None
    except SalesforceMalformedRequest as error:
        refused = [error.status, error.content[0]["errorCode"]]
    return {
        "made": made,
        "read": read,
        "updated": updated,
        "upserted": upserted,
        "again": again,
        "found": found["Name"],
        "deleted": deleted,
        "gone": gone,
        "refused": refused,
        "kept": found["Id"],
    }


def query_all(org):
    sf = soap(org)
    return {
        "rows": [dict(row) for row in sf.query_all_iter(org["soql"], include_deleted=org["deleted"])],
        "usage": sf.api_usage["api-usage"].used,
    }


def describe(org):
    sf = soap(org)
    return {
        "objects": [found["name"] for found in sf.describe()["sobjects"]],
        "fields": {field["name"]: field["type"] for field in sf.Account.describe()["fields"]},
        "limits": sf.limits()["DailyApiRequests"],
    }


def updated_and_deleted(org):
    from datetime import datetime, timedelta

    sf = soap(org)
    now = datetime.now(UTC)
    span = (now - timedelta(hours=1), now + timedelta(minutes=1))
    return {
        "updated": sf.Account.updated(*span)["ids"],
        "deleted": [row["id"] for row in sf.Account.deleted(*span)["deletedRecords"]],
    }


def bulk_query(org):
    sf = soap(org)
    pages = sf.bulk2.Account.query(org["soql"], max_records=org["page"])
    return list(pages)


def bulk_ingest(org):
    sf = soap(org)
    account = sf.bulk2.Account
    [inserted] = account.insert(records=org["records"])
    good = account.get_successful_records(inserted["job_id"])
    bad = account.get_failed_records(inserted["job_id"])
    [upserted] = account.upsert(records=org["upserts"], external_id_field="ExternalId__c")
    return {"inserted": inserted, "good": good, "bad": bad, "upserted": upserted}


def bulk_delete(org):
    sf = soap(org)
    [deleted] = sf.bulk2.Account.delete(records=[{"Id": found} for found in org["ids"]])
    return deleted


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](json.load(sys.stdin))))
