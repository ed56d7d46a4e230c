"""A program of an aiosalesforce user: `python aiosalesforce.py CALL` with the org on stdin, a
result on stdout.
"""

import asyncio
import json
import sys

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)

import httpx
from aiosalesforce import Salesforce
from aiosalesforce.auth import ClientCredentialsFlow, JwtBearerFlow, SoapLogin
from aiosalesforce.exceptions import NotFoundError, SalesforceError

URL = "https://acme.my.salesforce.com"


def ways(org):
    return {
        "client credentials": ClientCredentialsFlow(org["client_id"], org["client_secret"]),
        "soap": SoapLogin(org["username"], org["password"], ""),
        "jwt": JwtBearerFlow(
            client_id=org["client_id"], username=org["username"], private_key_file=org["private_key_file"]
        ),
    }


async def login(org, http):
    found = {}
    for name, auth in ways(org).items():
        sf = Salesforce(http, base_url=URL, auth=auth)
        found[name] = [row["Id"] async for row in sf.query("SELECT Id FROM Organization")]
    return found


def client(org, http):
    return Salesforce(http, base_url=URL, auth=ways(org)["client credentials"])


async def crud(org, http):
    sf = client(org, http)
    made = await sf.sobject.create("Account", {"Name": "Async", "Description": org["text"]})
    read = await sf.sobject.get("Account", made)
    await sf.sobject.update("Account", made, {"Description": None})
    upserted = await sf.sobject.upsert("Account", f"AS-{made}", "ExternalId__c", {"Name": "Async too"})
    again = await sf.sobject.upsert("Account", f"AS-{made}", "ExternalId__c", {"Name": "Async again"})
    await sf.sobject.delete("Account", made)
    try:
        await sf.sobject.get("Account", made)
        gone = None
    except NotFoundError as error:
        gone = error.error_code
    return {
        "id": made,
        "description": read["Description"],
        "created": [upserted.created, again.created],
        "upserted": upserted.id,
        "gone": gone,
    }


async def pages(org, http):
    sf = client(org, http)
    return [row["Id"] async for row in sf.query(org["soql"], include_all_records=org["all"])]


async def at_once(org, http):
    """Many calls over one client at the same time."""
    sf = client(org, http)
    names = [f"At once {number}" for number in range(20)]
    ids = await asyncio.gather(*(sf.sobject.create("Account", {"Name": name}) for name in names))
    return dict(zip(names, ids, strict=True))


async def composite(org, http):
    sf = client(org, http)
    async with sf.composite(all_or_none=True) as call:
        account = call.sobject.create("Account", {"Name": "Composite"})
        contact = call.sobject.create("Contact", {"LastName": "C", "AccountId": str(account.reference.id)})
    async with sf.composite.batch() as batch:
        found = batch.query(f"SELECT Id, Account.Name FROM Contact WHERE Id = '{contact.id}'")
        wrong = batch.query("SELECT Nope FROM Account")
    return {
        "account": account.id,
        "name": found.records[0]["Account"]["Name"],
        "is_wrong": not wrong.is_success,
    }


async def bulk(org, http):
    sf = client(org, http)
    made = await sf.bulk_v2.insert("Lead", org["records"])
    try:
        await sf.bulk_v2.insert("Nope__c", [{"Name": "x"}])
        refused = None
    except SalesforceError as error:
        refused = error.error_code
    return {
        "made": {row["LastName"]: row["sf__Id"] for row in made.successful_results},
        "failed": [row["sf__Error"].split(":")[0] for row in made.failed_results],
        "refused": refused,
    }


async def main():
    async with httpx.AsyncClient(timeout=60) as http:
        print(json.dumps(await globals()[sys.argv[1]](json.load(sys.stdin), http)))


asyncio.run(main())
