"""People on every road of an engine of real processes: what is planted of each, and the search for
it in everything that the engine keeps.

Each person has a mark. It is in every value of theirs that an erasure takes, so one search finds
whatever is left of them, also behind a token.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import psycopg

from cli.state import settings_file
from clients.storage.data_key import org_data_key
from clients.storage.objects import ObjectStore
from schemas.catalogue import Catalogue, load_catalogue
from schemas.ids import intake_prefix
from tests.support.builders.laid_open import TokenOpener, laid_open
from tests.support.builders.waiting import wait_for
from tests.support.engines.real_engine import RealEngine
from transforms.pii import Protector
from workers.addresses import s3_address
from workers.settings import load_settings

_SYSTEM = ("pg_catalog", "information_schema")
BEHIND = ", behind tokens"
"""After the name of a place: it is in what its tokens hide."""


def mark(person: int) -> str:
    """In every value of a person that is erased; small letters, because external ids lose
    theirs.
    """
    return f"zq7p{person:02d}x"


@dataclass
class People:
    """The planted people of one engine."""

    engine: RealEngine
    contacts: list[str] = field(default_factory=list)
    """Id of each person's contact."""
    cases: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = load_settings(settings_file(self.engine.folder))
        self.store = ObjectStore(s3_address(self.settings.s3))
        self.catalogue: Catalogue = load_catalogue(self.settings.catalogue)

    def plant(self, count: int) -> None:
        """Contacts and cases that come by the stream, some by the poll lane's object."""
        for person in range(count):
            self.contacts.append(self.engine.create("Contact", contact(person)))
            self.cases.append(self.engine.create("Case", case(person, self.contacts[-1])))
        self.wait_for_rows("contact", count)
        self.wait_for_rows("case", count)

    def wait_for_rows(self, table: str, count: int) -> None:
        """Return when so many records are in the warehouse."""
        query = f"SELECT count(*) FROM curated.{table}_current"
        wait_for(lambda: self.engine.warehouse(query)[0][0] >= count, every=0.5, seconds=90)

    def change(self, person: int, **fields: Any) -> None:
        """Change a person's contact in the org."""
        self._org("PATCH", f"sobjects/Contact/{self.contacts[person]}", fields)

    def _org(self, method: str, path: str, body: dict[str, Any]) -> None:
        org = self.engine.endpoints.salesforce
        with httpx.Client(base_url=org.instance_url, trust_env=False) as http:
            form = {"client_id": org.client_id, "client_secret": org.client_secret}
            grant = http.post("/services/oauth2/token", data={"grant_type": "client_credentials", **form})
            token = grant.raise_for_status().json()["access_token"]
            answer = http.request(
                method,
                f"/services/data/v{org.api_version}/{path}",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
            )
        answer.raise_for_status()

    def write_back(self, people: Sequence[int], name: str, **fields: Any) -> None:
        """Hand in a writeback of each person's case, by its external id."""
        items = [
            {
                "object": "Case",
                "external_id": f"{mark(person)}-case",
                "key": f"{name}-{person}",
                "fields": {key: value.format(mark=mark(person)) for key, value in fields.items()},
            }
            for person in people
        ]
        self.engine.submit(items)

    def hand_in_file(self, people: Sequence[int]) -> None:
        """Put a file of writebacks into the bucket, and hand it in."""
        key = f"{intake_prefix(self.engine.org)}writer/people.csv"
        lines = ["key,external_id,Subject"]
        lines += [f"f{person},{mark(person)}-case,{mark(person)} by file" for person in people]
        self.store.put(key, "\n".join([*lines, ""]).encode())
        body = {"key": key, "format": "csv", "object": "Case"}
        self.engine.ask("POST", "/v1/writebacks/files", "writer", json=body).raise_for_status()

    def run(self, resource: str, role: str = "operator", **body: Any) -> dict[str, Any]:
        """Ask for a run, wait for its end, and return its state."""
        answer = self.engine.ask("POST", f"/v1/{resource}", role, json=body)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        url = answer.json()["state_url"]

        def view() -> dict[str, Any]:
            found: dict[str, Any] = self.engine.ask("GET", url, "reader").json()
            return found

        wait_for(lambda: view()["status"] != "running", seconds=180, every=0.5, why=view)
        found = view()
        assert found["status"] == "completed", found
        state: dict[str, Any] = found["state"]
        return state

    def broken(self) -> list[str]:
        """Breaks of the audit chain and of the seals over attempts."""
        answer = self.engine.ask("GET", "/v1/audit/verification", "reader")
        return list(answer.raise_for_status().json()["problems"])

    def unbalanced(self) -> list[tuple[Any, ...]]:
        """Rows of the ledger whose changes are not accounted for."""
        return self.engine.warehouse(
            "SELECT batch, object FROM ops.ledger WHERE landed <> applied + duplicate + quarantined"
        )


def contact(person: int) -> dict[str, Any]:
    """A contact: every value that is a text has the mark."""
    name = mark(person)
    return {
        "FirstName": f"{name} first",
        "LastName": f"{name} last",
        "Email": f"{name}@example.org",
        "Phone": f"{name}",
        "NationalId__c": f"{name}-id",
        "ExternalId__c": f"{name}-ext",
        "MailingStreet": f"{name} street",
        "MailingCity": f"{name} town",
        "Title": f"A {name} title",
        "OutreachNotes__c": f"notes about {name}",
        "Accommodations__c": f"what {name} needs",
    }


def case(person: int, contact_id: str) -> dict[str, Any]:
    """A case of a contact."""
    name = mark(person)
    return {
        "ContactId": contact_id,
        "ExternalId__c": f"{name}-case",
        "Subject": f"{name} asks",
        "Description": f"{name} has written",
        "SuppliedName": f"{name} supplied",
        "SuppliedEmail": f"{name}@example.org",
        "Status": "New",
    }


class Search:
    """Everything that the engine keeps, laid open: objects with all their versions, every column of
    every table, Temporal's store, logs; and what is behind each token.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        self.kept: dict[str, bytes] = {}
        key = org_data_key(people.engine.org, s3_address(people.settings.s3), people.store)
        opener = TokenOpener(Protector(key, people.catalogue), people.catalogue)
        for name, body in itertools.chain(self._objects(), self._tables(), self._files()):
            self.kept[name] = self.kept.get(name, b"") + body.lower()
            # Tokens have capitals, which the kept bodies have lost.
            behind = opener.behind(body).encode().lower()
            place = f"{name}{BEHIND}"
            self.kept[place] = self.kept.get(place, b"") + behind

    def places(self, person: int) -> list[str]:
        """Names of what holds something of a person."""
        wanted = mark(person).encode()
        return sorted(name for name, body in self.kept.items() if wanted in body)

    def _objects(self) -> Iterator[tuple[str, bytes]]:
        where = s3_address(self._people.settings.s3)
        s3 = boto3.client(
            "s3",
            endpoint_url=where.endpoint_url,
            region_name=where.region,
            aws_access_key_id=where.access_key,
            aws_secret_access_key=where.secret_key,
        )
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=where.bucket):
            for entry in page.get("Versions", []):
                found = s3.get_object(Bucket=where.bucket, Key=entry["Key"], VersionId=entry["VersionId"])
                yield f"s3 {entry['Key']}", laid_open(found["Body"].read())

    def _tables(self) -> Iterator[tuple[str, bytes]]:
        endpoints = self._people.engine.endpoints
        for dsn in {endpoints.warehouse.dsn, endpoints.operational.dsn}:
            with psycopg.connect(dsn) as connection:
                tables = connection.execute(
                    "SELECT table_schema, table_name FROM information_schema.tables "
                    "WHERE table_type = 'BASE TABLE' AND NOT table_schema = ANY(%s)",
                    [list(_SYSTEM)],
                ).fetchall()
                for schema, table in tables:
                    rows = connection.execute(f'SELECT t::text FROM "{schema}"."{table}" AS t').fetchall()
                    yield f"table {schema}.{table}", "\n".join(row[0] for row in rows).encode()

    def _files(self) -> Iterator[tuple[str, bytes]]:
        """Files of the state folder: Temporal's store and logs. The databases and the bucket were
        asked above; the org is none of the engine's stores.
        """
        folder: Path = self._people.engine.folder
        for part in ("temporal", "logs"):
            for file in sorted((folder / part).rglob("*")):
                if file.is_file():
                    yield f"file {file.relative_to(folder)}", file.read_bytes()
