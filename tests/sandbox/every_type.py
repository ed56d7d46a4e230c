"""A field of every type on Account, values for them, and what each way out of the org makes of a
value.
"""

import io
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import fastavro
import httpx
import orjson
from hypothesis import strategies as st

from sandbox.org.state.org import Org
from tests.sandbox.bulk_org import V, csv_text, rows_of, until

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = (datetime(1700, 1, 1, tzinfo=UTC), datetime(4000, 12, 31, 23, 59, 59, tzinfo=UTC))
"""The first and the last that a field takes."""
BLANK = "".join(map(chr, range(33)))
FIELDS: dict[str, dict[str, Any]] = {
    "Text__c": {"type": "string"},
    "Secret__c": {"type": "encryptedstring", "length": 175},
    "Long__c": {"type": "textarea", "length": 32_000},
    "Rich__c": {"type": "richtextarea", "length": 32_000},
    "Mail__c": {"type": "email", "length": 80},
    "Call__c": {"type": "phone", "length": 40},
    "Site__c": {"type": "url"},
    "Pick__c": {"type": "picklist", "picklist": ["One", "Two"], "restricted": True},
    "Open__c": {"type": "picklist", "picklist": ["One", "Two"]},
    "Multi__c": {"type": "multipicklist", "picklist": ["a", "b", "c"], "restricted": True, "length": 4_099},
    "Combo__c": {"type": "combobox", "picklist": ["x"]},
    "Any__c": {"type": "anyType"},
    "Flag__c": {"type": "boolean"},
    "Int__c": {"type": "int"},
    "Big__c": {"type": "long"},
    "Whole__c": {"type": "double", "scale": 0, "precision": 18},
    "Double__c": {"type": "double", "scale": 6},
    "Deep__c": {"type": "double", "scale": 17, "precision": 18},
    "Share__c": {"type": "percent", "scale": 3},
    "Money__c": {"type": "currency", "scale": 2},
    "Day__c": {"type": "date"},
    "Moment__c": {"type": "datetime"},
    "Hour__c": {"type": "time"},
    "tide__Spaced__c": {"type": "string"},
}
DECIMALS = {name for name, field in FIELDS.items() if field["type"] in ("double", "percent", "currency")}
LONG_TEXTS = {"Long__c", "Rich__c"}
_TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    """Numbers of up to `digits` digits, `scale` of them behind the point."""
    most = 10**digits - 1
    return st.integers(-most, most).map(lambda whole: Decimal(whole).scaleb(-scale))


VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(
        ("Text__c", "Secret__c", "Long__c", "Rich__c", "Combo__c", "Any__c", "tide__Spaced__c"), _TEXT
    ),
    "Open__c": _TEXT,
    "Mail__c": st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.[a-z]{2}", fullmatch=True),
    "Call__c": st.from_regex(r"\+[0-9]{3,12}", fullmatch=True),
    "Site__c": st.from_regex(r"https://[a-z]{1,9}\.example", fullmatch=True),
    "Pick__c": st.sampled_from(["One", "Two"]),
    "Multi__c": st.lists(st.sampled_from("abc"), min_size=1, unique=True).map(";".join),
    "Flag__c": st.booleans(),
    "Int__c": st.integers(-(2**31) + 1, 2**31 - 1),
    "Big__c": st.integers(-(2**63) + 1, 2**63 - 1),
    "Whole__c": decimals(18, 0),
    "Double__c": decimals(18, 6),
    "Deep__c": decimals(18, 17),
    "Share__c": decimals(18, 3),
    "Money__c": decimals(18, 2)
    | st.sampled_from([Decimal("0.30000000000000004"), Decimal("33.333333333333336")]),
    "Day__c": st.dates(date(1700, 1, 1), date(4000, 12, 31)).map(str),
    "Moment__c": st.integers(*(int((moment - EPOCH).total_seconds()) for moment in MOMENTS)).map(
        lambda second: (EPOCH + timedelta(seconds=second)).isoformat()[:19] + "Z"
    ),
    "Hour__c": st.times().map(lambda moment: moment.isoformat("milliseconds") + "Z"),
}


def rows() -> st.SearchStrategy[dict[str, Any]]:
    """A record's values, some of them missing."""
    return st.fixed_dictionaries({}, optional={name: VALUES[name] | st.none() for name in FIELDS})


async def add_all(client: httpx.AsyncClient) -> None:
    """The fields, as an administrator adds them."""
    for name, field in FIELDS.items():
        answer = await client.post("/sandbox/fields/Account", json={"name": name, **field})
        assert answer.status_code == 200, answer.text


def expected(values: dict[str, Any]) -> dict[str, Any]:
    """Every field as the org has it after the values were written."""
    found: dict[str, Any] = {}
    for name in FIELDS:
        value = values.get(name)
        if name == "Flag__c":
            value = bool(value)
        elif isinstance(value, str):
            value = value.strip(BLANK) or None
        found[name] = value
    return found


def as_json(values: dict[str, Any]) -> bytes:
    """JSON with all digits of every number."""
    return orjson.dumps(values, default=lambda value: orjson.Fragment(f"{value:f}"))


def as_csv(values: dict[str, Any]) -> bytes:
    """One row of an ingest job; what is missing is left alone."""
    cells = {"Name": "N"} | {name: _cell(value) for name, value in values.items()}
    return csv_text([cells])


def _cell(value: Any) -> str:
    if value is None:
        return "#N/A"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


async def written(client: httpx.AsyncClient, way: str, values: dict[str, Any]) -> str:
    """Write a record by REST or by a bulk job; returns its id."""
    if way == "rest":
        answer = await client.post(f"{V}/sobjects/Account", content=as_json({"Name": "N", **values}))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])
    job = {"object": "Account", "operation": "insert", "lineEnding": "LF"}
    job_id = (await client.post(f"{V}/jobs/ingest", json=job)).json()["id"]
    path = f"{V}/jobs/ingest/{job_id}"
    await client.put(f"{path}/batches", content=as_csv(values), headers={"Content-Type": "text/csv"})
    await client.patch(path, json={"state": "UploadComplete"})
    await until(client, path, "JobComplete")
    failed = (await client.get(f"{path}/failedResults")).text
    [row] = rows_of(await client.get(f"{path}/successfulResults")) or [{"sf__Id": failed}]
    return str(row["sf__Id"])


async def from_rest(client: httpx.AsyncClient, record_id: str) -> dict[str, Any]:
    """The record as a REST query gives it; numbers with decimal places as `Decimal`."""
    soql = f"SELECT {', '.join(FIELDS)} FROM Account WHERE Id = '{record_id}'"
    answer = await client.get(f"{V}/query", params={"q": soql})
    [row] = exact_json(answer.content)["records"]
    row.pop("attributes")
    if row["Moment__c"] is not None:
        row["Moment__c"] = row["Moment__c"].replace(".000+0000", "Z")
    return row


def exact_json(text: bytes) -> Any:
    """JSON whose numbers have all digits of the text."""

    return json.loads(text, parse_float=Decimal)


async def from_bulk(client: httpx.AsyncClient, record_id: str) -> dict[str, Any]:
    """The record as a bulk job's result gives it."""
    soql = f"SELECT {', '.join(FIELDS)} FROM Account WHERE Id = '{record_id}'"
    job = (await client.post(f"{V}/jobs/query", json={"operation": "query", "query": soql})).json()
    path = f"{V}/jobs/query/{job['id']}"
    await until(client, path, "JobComplete")
    [row] = rows_of(await client.get(f"{path}/results"))
    return {name: _from_cell(name, text) for name, text in row.items()}


def _from_cell(name: str, text: str) -> Any:
    if text == "":
        return None
    match FIELDS[name]["type"]:
        case "boolean":
            return text == "true"
        case "int" | "long":
            return int(text)
        case "datetime":
            return text.replace(".000Z", "Z")
        case _:
            return Decimal(text) if name in DECIMALS else text


def last_event(org: Org) -> bytes:
    """The newest event as the bus has it, which is what CometD carries."""
    row = org.store.connection.execute("SELECT body FROM events ORDER BY replay_id DESC LIMIT 1").fetchone()
    return bytes(row[0])


def from_cometd(event: bytes) -> dict[str, Any]:
    """A create's fields; those that are missing are empty."""
    payload = exact_json(event)["payload"]
    return {name: payload.get(name) for name in FIELDS}


def avro_of(org: Org, event: bytes) -> dict[str, Any]:
    """The event as a Pub/Sub client decodes it."""
    data = orjson.loads(event)
    codec = org.channels.codec(data["schema"])
    assert codec is not None
    return decoded(org, data["schema"], codec.encode(data["payload"]))


def decoded(org: Org, schema_id: str, payload: bytes) -> dict[str, Any]:
    """The content of an event's Avro by the schema of that id."""
    schema = org.channels.schema_json(schema_id)
    assert schema is not None
    read: Any = fastavro.schemaless_reader(io.BytesIO(payload), fastavro.parse_schema(orjson.loads(schema)))
    assert isinstance(read, dict)
    return read


def from_avro(record: dict[str, Any]) -> dict[str, Any]:
    """Its fields as the other ways have them; numbers stay floats, which is what the transport does
    to them.
    """
    return {name: _from_avro(FIELDS[name]["type"], record[name]) for name in FIELDS}


def _from_avro(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "time":
        return f"{(datetime.combine(date.min, time()) + timedelta(milliseconds=value)).time().isoformat('milliseconds')}Z"
    if kind in ("date", "datetime"):
        moment = EPOCH + timedelta(milliseconds=value)
        return str(moment.date()) if kind == "date" else f"{moment.isoformat()[:19]}Z"
    return value


def last_event_of(org: Org, entity: str) -> bytes:
    """The newest event of an object."""
    statement = "SELECT body FROM events WHERE entity = ? ORDER BY replay_id DESC LIMIT 1"
    return bytes(org.store.connection.execute(statement, (entity,)).fetchone()[0])
