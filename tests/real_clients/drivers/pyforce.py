"""A program of a pyforce user: `python pyforce.py CALL` with the org on stdin, a result on
stdout.
"""

import json
import sys
from datetime import UTC, date, datetime, timedelta

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)

import pyforce

URL = "https://login.salesforce.com/services/Soap/u/62.0"
"""The default is an API version that was retired."""


def client(org):
    found = pyforce.PythonClient(URL)
    found.login(org["username"], org["password"])
    return found


def login(org):
    svc = pyforce.PythonClient(URL)
    entered = svc.login(org["username"], org["password"])
    who = svc.getUserInfo()
    left = svc.logout()
    try:
        pyforce.PythonClient(URL).login(org["username"], "wrong")
        refused = None
    except pyforce.SoapFaultError as error:
        refused = error.faultCode
    return {
        "user": entered["userId"],
        "org": who["organizationId"],
        "left": left,
        "refused": refused,
    }


def crud(org):
    svc = client(org)
    [made] = svc.create([{"type": "Account", "Name": "By SOAP", "Description": org["text"]}])
    [read] = svc.retrieve("Id,Name,Description", "Account", [made["id"]])
    [changed] = svc.update([{"type": "Account", "Id": made["id"], "Name": "Changed by SOAP"}])
    [emptied] = svc.update([{"type": "Account", "Id": made["id"], "Description": None}])
    row = {"type": "Account", "ExternalId__c": f"PF-{made['id']}", "Name": "Upserted by SOAP"}
    [upserted] = svc.upsert("ExternalId__c", [row])
    [again] = svc.upsert("ExternalId__c", [row])
    [refused] = svc.create([{"type": "Account", "Description": "nameless"}])
    [deleted] = svc.delete([made["id"]])
    return {
        "id": made["id"],
        "description": read["Description"],
        "changed": [changed["success"], emptied["success"]],
        "created": [upserted["created"], again["created"]],
        "refused": refused["errors"][0]["statusCode"],
        "deleted": deleted["success"],
    }


def values(org):
    """Values of each type there and back."""
    svc = client(org)
    [made] = svc.create(
        [
            {
                "type": "Account", "Name": "Typed", "NumberOfEmployees": 7, "AnnualRevenue": 1.5, "Verified__c": True,
                "EligibleUntil__c": date(2026, 3, 1),
            }
        ]
    )  # fmt: skip
    names = "NumberOfEmployees, AnnualRevenue, Verified__c, EligibleUntil__c, CreatedDate, Owner.Name"
    [row] = svc.query(f"SELECT {names} FROM Account WHERE Id = '{made['id']}'")
    return {
        "count": row["NumberOfEmployees"],
        "money": row["AnnualRevenue"],
        "flag": row["Verified__c"],
        "day": row["EligibleUntil__c"].isoformat(),
        "is_time": isinstance(row["CreatedDate"], datetime),
        "owner": row["Owner"]["Name"],
    }


def pages(org):
    svc = client(org)
    found = svc.query("SELECT Id FROM Payment__c")
    rows = list(found)
    while not found.done:
        found = svc.queryMore(found.queryLocator)
        rows += list(found)
    return {"ids": [row["Id"] for row in rows], "size": found.size}


def describe(org):
    svc = client(org)
    [found] = svc.describeSObjects("Task")
    return {
        "objects": list(svc.describeGlobal()["types"]),
        "fields": {name: field.type for name, field in found.fields.items()},
        "what": sorted(found.fields["WhatId"].referenceTo),
    }


def changes(org):
    svc = client(org)
    now = datetime.now(UTC).replace(tzinfo=None)
    span = (now - timedelta(hours=1), now + timedelta(minutes=1))
    return {
        "updated": svc.getUpdated("Account", *span),
        "deleted": [each["id"] for each in svc.getDeleted("Account", *span)],
    }


print(json.dumps(globals()[sys.argv[1]](json.load(sys.stdin))))
