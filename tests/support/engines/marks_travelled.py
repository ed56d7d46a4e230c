"""The journey of marked values through an engine of real processes: in by every road, out by
writebacks, and through failures.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cli.state import settings_file
from clients.storage.data_key import org_data_key
from clients.storage.objects import ObjectStore
from schemas.catalogue import default_catalogue
from tests.support.builders.waiting import wait_for
from tests.support.command_line import command
from tests.support.engines.histories import histories
from tests.support.engines.real_engine import RealEngine, real_engine
from transforms.pii import Protector
from workers.addresses import s3_address
from workers.clients import connect_temporal
from workers.settings import Settings, load_settings

MARK = "Zq7Personal"
"""In values that may be stored, and not logged."""
ITEMS: list[dict[str, Any]] = [
    {
        "object": "Case",
        "external_id": f"{MARK}-{number}",
        "key": f"k{number}",
        "fields": {"Subject": f"{MARK} subject", "Status": "New" if number else f"{MARK} no choice"},
    }
    for number in range(6)
]

SEALED = "Qx9Sealed"
"""In protected fields only: it must be nowhere outside of the org."""
REFUSED: list[dict[str, Any]] = [
    {
        "object": "Contact",
        "external_id": f"sealed-{number}",
        "key": f"sealed-{number}",
        "fields": {"LastName": f"{SEALED} {number}", "Email": f"{SEALED}{number}@example.org"},
    }
    for number in range(3)
]
"""Salesforce refuses them, with words that quote the value."""
NO_ADDRESS = {
    "object": "Contact",
    "external_id": "sealed-9",
    "key": "sealed-9",
    "fields": {"LastName": f"{SEALED} 9", "Email": f"{SEALED} no address"},
}
"""Refused at intake."""
LANES = [
    {"name": "contacts", "channel": "/data/ContactChangeEvent", "transport": "cometd"},
    {"name": "cases", "channel": "/data/CaseChangeEvent"},
    {"name": "accounts", "way": "poll", "object": "Account", "interval": "PT1S"},
]


@dataclass
class Travelled:
    """An engine that has carried marks in and out, and has ended; its stores still answer."""

    engine: RealEngine
    settings: Settings
    protector: Protector
    metrics: dict[str, str]
    """As scraped before the end."""

    @classmethod
    def through(cls, engine: RealEngine) -> "Travelled":
        """End the engine."""
        metrics = engine.scrape()
        engine.processes.stop()
        settings = load_settings(settings_file(engine.folder))
        where = s3_address(settings.s3)
        key = org_data_key(engine.org, where, ObjectStore(where))
        return cls(engine, settings, Protector(key, default_catalogue()), metrics)

    def opened(self, context: str, query: str) -> list[str]:
        """Values of a query's only column, decrypted."""
        rows = self.engine.warehouse(query)
        return [str(self.protector.decrypt(context, token)) for (token,) in rows]

    def histories(self) -> dict[str, bytes]:
        """Every history of Temporal."""

        async def read() -> dict[str, bytes]:
            return await histories(await connect_temporal(self.settings))

        return asyncio.run(read())


@contextmanager
def marks_travelled() -> Iterator[Travelled]:
    """Send the marks through an engine; yields when it has ended."""
    with real_engine(log={"level": "DEBUG"}, lanes=LANES) as engine:
        engine.fault(point="http", kind="reset_after", match="/composite/sobjects", times=2)
        engine.fault(point="http", kind="status", match="/queryAll", times=1, status=503)
        engine.submit(
            ITEMS, traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01", tracestate=f"v={MARK}", baggage=f"b={MARK}"
        )
        _ask_for_marks(engine)
        engine.create("Contact", {"LastName": MARK, "Email": f"{MARK}@example.org"})
        for number in range(20):
            engine.create(
                "Contact", {"LastName": f"{SEALED} {number}", "Email": f"{SEALED}{number}@example.org"}
            )
        engine.create("Account", {"Name": SEALED, "Description": f"{SEALED} polled"})
        _inject_bad_header(engine)
        _drift(engine)
        _refuse_writebacks(engine)
        engine.kill("worker-batches")
        engine.settle_writebacks()
        wait_for(lambda: b"queryAll" in engine.output(), seconds=30, every=0.5)
        engine.received.wait_for(lambda it: bool(it.named("activity apply_batch")))
        backfill = engine.ask("POST", "/v1/backfills", json={"object": "Contact", "reason": "law 7"})
        state = backfill.raise_for_status().json()["state_url"]
        wait_for(lambda: engine.ask("GET", state).json().get("status") == "completed", seconds=90, every=0.5)
        _wait_for_rows(engine, "curated.account_current")
        _wait_for_rows(engine, "ops.quarantine WHERE reason = 'bad_header'")
        yield Travelled.through(engine)


def _ask_for_marks(engine: RealEngine) -> None:
    """Paths that no route has, and values in paths and queries."""
    engine.ask("GET", f"/v1/writebacks/{MARK}/{MARK}?key={MARK}", "writer")
    engine.ask("GET", f"/v1/writebacks?key={MARK}", "reader")
    engine.ask("GET", f"/v1/ledger/{MARK}?key={MARK}", "")


def _inject_bad_header(engine: RealEngine) -> None:
    """An event whose header quotes the value in a part that is read, and in one that nobody
    knows.
    """
    header = {
        "entityName": "Contact",
        "recordIds": ["003Tg0000099999AAA"],
        "changeType": "CREATE",
        "commitTimestamp": 1_790_000_000_000,
        "commitNumber": SEALED,
        "sequenceNumber": 1,
        "commitUser": "005Tg0000000001AAA",
        "more": {"of": SEALED},
    }
    data = {"payload": {"ChangeEventHeader": header, "LastName": SEALED}}
    engine.control("inject", {"data": data, "entity": "Contact", "unchecked": True})


def _drift(engine: RealEngine) -> None:
    """A field that nobody knows comes with values, and the engine adds and fills it."""
    field = {"name": "Secret__c", "type": "string", "length": 80, "fills": f"{SEALED} old"}
    engine.control("fields/Contact", field)
    engine.create("Contact", {"LastName": SEALED, "Secret__c": f"{SEALED} drift"})
    _wait_for_rows(engine, "ops.quality WHERE rule = 'unknown_field' AND field = 'Secret__c'")
    ended = asyncio.run(command(settings_file(engine.folder), "drift", "--check", "--reason", "law 7"))
    assert ended.exit_code == 0, ended.output
    query = "SELECT count(*) FROM curated.contact_current WHERE secret IS NULL"
    wait_for(lambda: engine.warehouse(query) == [(0,)], seconds=90, every=0.5)


def _refuse_writebacks(engine: RealEngine) -> None:
    """Salesforce refuses every write of a contact from now on."""
    engine.fault(
        point="row",
        kind="error",
        match="Contact",
        code="FIELD_CUSTOM_VALIDATION_EXCEPTION",
        message=f"{SEALED} is known already.",
        fields=["Email"],
    )
    engine.submit(REFUSED)
    told = engine.ask("POST", "/v1/writebacks", "writer", json={"writebacks": [NO_ADDRESS]})
    assert "takes an e-mail address" in told.text


def _wait_for_rows(engine: RealEngine, rows: str) -> None:
    wait_for(lambda: engine.warehouse(f"SELECT count(*) FROM {rows}") != [(0,)], seconds=90, every=0.5)
