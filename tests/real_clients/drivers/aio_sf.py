"""A program of an aio-sf user: `python aio_sf.py CALL` with the org on stdin, a result on
stdout.
"""

import asyncio
import json
import sys
from pathlib import Path

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)

import pyarrow.parquet as pq
from aio_sf import (
    ClientCredentialsAuth,
    RefreshTokenAuth,
    SalesforceClient,
    bulk_query,
    get_bulk_fields,
    write_query_to_parquet,
)


def client(org):
    return SalesforceClient(ClientCredentialsAuth(org["url"], org["client_id"], org["client_secret"]))


async def refreshed(org):
    """Log in by an access token that is void and a refresh token."""
    auth = RefreshTokenAuth(
        org["url"], "00Dvoid!expired", org["refresh_token"], org["client_id"], org["client_secret"]
    )
    async with SalesforceClient(auth) as sf:
        found = await sf.query.soql("SELECT Id FROM Organization")
        return [row["Id"] async for row in found]


async def export(org):
    """Every record of an object, all fields that a job can read, as a Parquet file."""
    path = Path(org["file"])
    async with client(org) as sf:
        described = await sf.describe.sobject(org["object"])
        fields = await get_bulk_fields(described["fields"])
        names = ", ".join(field["name"] for field in fields)
        found = await bulk_query(sf, f"SELECT {names} FROM {org['object']}", poll_interval=1)
        await write_query_to_parquet(found, str(path), fields_metadata=fields)
    table = pq.read_table(path)
    return {
        "types": {field.name: str(field.type) for field in table.schema},
        "rows": [{name: row[name] for name in org["shown"]} for row in table.to_pylist()],
    }


async def collections(org):
    async with client(org) as sf:
        records = [{"LastName": f"Collected {number:03d}", "Company": "C"} for number in range(450)]
        made = await sf.collections.insert(records, "Lead", batch_size=200, max_concurrent_batches=3)
        ids = [each["id"] for each in made]
        updated = await sf.collections.update(
            [{"Id": record_id, "Company": "D"} for record_id in ids[:10]], "Lead"
        )
        deleted = await sf.collections.delete(ids[10:20])
        wrong = await sf.collections.insert([{"Company": "nameless"}], "Lead")
    return {
        "made": [each["success"] for each in made],
        "updated": ids[:10] if all(each["success"] for each in updated) else [],
        "deleted": ids[10:20] if all(each["success"] for each in deleted) else [],
        "wrong": wrong[0]["errors"][0]["statusCode"],
    }


print(json.dumps(asyncio.run(globals()[sys.argv[1]](json.load(sys.stdin))), default=str))
