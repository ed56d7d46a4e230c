"""Law 12, erasure: gone when it must be.

Fifty people come on every road: by the stream, by a backfill, by writebacks that are accepted,
refused and waiting, by a handed-in file, through quarantine, through a field that the catalogue
lacks, and into a shadow. Ten are erased. Of these ten nothing is found in any store, also not
behind a token; the other forty are whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from schemas.catalogue import DEFAULT_CATALOGUE
from tests.support.builders.waiting import wait_for
from tests.support.engines.people import BEHIND, People, Search, mark
from tests.support.engines.real_engine import real_engine

pytestmark = [pytest.mark.service, pytest.mark.slow]

PEOPLE = range(50)
ERASED = range(10)
OTHERS = range(10, 50)


SETTINGS = {
    "erasure": {"grace": "PT10S"},
    "reconciliation": {"comparison_delay": "PT5S"},
    # A check of the schema would add the field that the catalogue lacks.
    "drift": {"on": False},
}


def catalogue_with_a_rule(folder: Path) -> Path:
    """The shipped catalogue: a title must begin with a capital, or its change waits in quarantine;
    one field is not known.
    """
    text = yaml.safe_load(DEFAULT_CATALOGUE.read_text())
    fields = text["objects"]["Contact"]["fields"]
    fields["Title"] |= {"pattern": "[A-Z].*", "severity": {"pattern": "reject"}}
    del fields["Accommodations__c"]
    file = folder / "catalogue.yaml"
    file.write_text(yaml.safe_dump(text, sort_keys=False))
    return file


@dataclass
class Erased:
    """The places that were found before and after the erasure."""

    people: People
    before: Search
    after: Search
    dry: dict[str, Any]
    done: dict[str, Any]
    rows_before: dict[str, list[tuple[Any, ...]]]
    rows_after: dict[str, list[tuple[Any, ...]]]
    verdicts: list[str]
    shadow: list[tuple[Any, ...]]


def rows_of(people: People, who: range) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the people, in the tables of their objects."""
    found = {}
    for name, ids in (("contact", people.contacts), ("case", people.cases)):
        listed = ", ".join(f"'{ids[person]}'" for person in who)
        tables = [f"audit.{name}_change", f"curated.{name}_current"]
        tables += ["curated.contact_history"] if name == "contact" else []
        for table in tables:
            query = f"SELECT t::text FROM {table} AS t WHERE record_id IN ({listed}) ORDER BY 1"
            found[table] = people.engine.warehouse(query)
    return found


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erased]:
    """An engine in which ten people were erased."""
    catalogue = catalogue_with_a_rule(tmp_path_factory.mktemp("catalogue"))
    with real_engine(catalogue=str(catalogue), **SETTINGS) as engine:
        people = People(engine)
        people.plant(len(PEOPLE))
        _every_road(people)
        before, rows_before = Search(people), rows_of(people, OTHERS)
        ids = [people.contacts[person] for person in ERASED]
        asked = {"records": ids, "with_related": True, "reason": "request 2026-117"}
        dry = people.run("erasures", "eraser", **asked, dry_run=True)
        done = people.run("erasures", "eraser", **asked)
        _they_come_back(people)
        verdicts = [
            people.run("reconciliations", object=name, depth="fields")["verdict"]
            for name in ("Contact", "Case")
        ]
        people.run("replays", all=True, shadow="after")
        shadow = engine.warehouse(
            "SELECT record_id FROM shadow_after_curated.contact_current WHERE NOT is_deleted AND "
            "(last_name IS NOT NULL OR external_id IS NOT NULL OR outreach_notes IS NOT NULL)"
        )
        yield Erased(
            people, before, Search(people), dry, done, rows_before, rows_of(people, OTHERS), verdicts, shadow
        )


def _every_road(people: People) -> None:
    engine = people.engine
    people.run("backfills", object="Contact", is_repair=True)
    people.run("replays", all=True, shadow="before")
    people.write_back(PEOPLE[:20], "good", Subject="{mark} is written back")
    engine.settle_writebacks()
    _are_refused(people, PEOPLE[:1], words=f"{mark(0)} is refused in words of Salesforce")
    _are_refused(people, PEOPLE[1:20], words="it is refused")
    body = {"object": "Case", "reason": "to have some that wait"}
    engine.ask("POST", "/v1/writebacks/pause", json=body).raise_for_status()
    people.write_back(PEOPLE[:20], "waiting", Subject="{mark} waits")
    people.hand_in_file(PEOPLE[:20])
    for person in PEOPLE[:20]:
        people.change(person, Title=f"{mark(person)} small letters")
    query = "SELECT count(*) FROM ops.quarantine WHERE reason = 'pattern'"
    wait_for(lambda: engine.warehouse(query)[0][0] >= 20, every=0.5)
    for person in PEOPLE[:20]:
        people.change(person, Title=f"A {mark(person)} title")
    people.run("reconciliations", object="Contact", depth="fields")
    _wait_for_writes(people)


def _are_refused(people: People, who: range, words: str) -> None:
    """Their cases' writebacks are refused by the org, which quotes a value maybe."""
    code = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    people.engine.fault(point="row", kind="error", match="Case", times=len(who), code=code, message=words)
    people.write_back(who, "refused", Subject="{mark} is refused")
    people.engine.settle_writebacks()


def _wait_for_writes(people: People) -> None:
    """Everything that the org has is in the warehouse."""
    query = "SELECT count(*) FROM curated.contact_current WHERE title LIKE 'A zq7p%'"
    wait_for(lambda: people.engine.warehouse(query)[0][0] >= len(PEOPLE), every=0.5)


def _they_come_back(people: People) -> None:
    """The org still has the erased people: their changes come by the stream and by a backfill."""
    query = "SELECT max(version) FROM curated.contact_current WHERE record_id = '{}'"
    versions = {
        person: people.engine.warehouse(query.format(people.contacts[person]))[0][0] for person in ERASED
    }
    for person in ERASED:
        people.change(person, OutreachNotes__c=f"{mark(person)} is back", LastName=f"{mark(person)} again")

    def have_come() -> bool:
        return all(
            people.engine.warehouse(query.format(people.contacts[person]))[0][0] > before
            for person, before in versions.items()
        )

    wait_for(have_come, every=0.5)
    people.run("backfills", object="Contact", window="after", is_repair=True)


def test_the_planted_people_are_found_on_every_road(erased: Erased) -> None:
    """When they are not found before, the search does not work."""
    places = set(erased.before.places(3))
    assert {each for each in places if each.startswith("table")} >= {
        "table audit.contact_change",
        "table curated.contact_current",
        "table curated.contact_history",
        "table curated.case_current",
        "table ops.quarantine",
        "table public.writeback",
        "table public.writeback_attempt",
        "table shadow_before_curated.contact_current",
    }
    prefixes = {each.split()[1].partition("/")[0] for each in places if each.startswith("s3")}
    assert prefixes >= {"raw", "staged", "intake"}
    assert f"table curated.contact_current{BEHIND}" in places
    assert f"table public.writeback_attempt{BEHIND}" in erased.before.places(0)


@pytest.mark.parametrize("person", ERASED)
def test_nothing_of_an_erased_person_is_left_in_any_store(erased: Erased, person: int) -> None:
    assert erased.after.places(person) == []


def test_the_others_are_whole(erased: Erased) -> None:
    now, then = erased.rows_after, erased.rows_before
    # Rows that the second backfill read again are more; none of the former is gone or other.
    for table in ("curated.case_current", "audit.case_change"):
        assert now[table] == then[table]
    assert set(then["audit.contact_change"]) <= set(now["audit.contact_change"])
    for person in OTHERS:
        # A raw file that held one of the erased has another key now.
        lost = set(erased.before.places(person)) - set(erased.after.places(person))
        assert [each for each in lost if not each.startswith("s3 raw/")] == []
        assert any(each.startswith("s3 raw/") for each in erased.after.places(person))


def test_counts_chains_and_seals_hold(erased: Erased) -> None:
    assert erased.people.unbalanced() == []
    assert erased.people.broken() == []


def test_the_erased_stay_equal_to_the_org_that_still_has_them(erased: Erased) -> None:
    assert erased.verdicts == ["equal", "equal"]


def test_a_replay_of_what_contained_them_gives_the_erased_state(erased: Erased) -> None:
    here = {row[0] for row in erased.shadow}
    assert here.isdisjoint(erased.people.contacts[person] for person in ERASED)
    assert here >= {erased.people.contacts[person] for person in OTHERS}


def test_the_records_are_still_there_without_their_values(erased: Erased) -> None:
    ids = ", ".join(f"'{erased.people.contacts[person]}'" for person in ERASED)
    rows = erased.people.engine.warehouse(
        "SELECT is_deleted, last_modified_date IS NOT NULL, last_name, email, unknown_fields LIKE '%last_name%' "
        f"FROM curated.contact_current WHERE record_id IN ({ids})"
    )
    assert rows == [(False, True, None, None, True)] * len(ERASED)


def test_a_writeback_that_waited_is_let_go(erased: Erased) -> None:
    query = "SELECT state, code, count(*) FROM writeback WHERE erased_by IS NOT NULL AND key LIKE 'waiting-%' GROUP BY 1, 2"
    with psycopg.connect(erased.people.engine.endpoints.operational.dsn) as connection:
        found = connection.execute(query).fetchall()
    assert found == [("discarded", "erased", len(ERASED))]


def test_the_dry_run_counts_what_the_erasure_takes(erased: Erased) -> None:
    dry = {each["store"]: each["rewritten"] for each in erased.dry["stores"] if each["rewritten"]}
    done = {each["store"]: each["rewritten"] for each in erased.done["stores"] if each["rewritten"]}
    assert erased.dry["digest"] == ""
    assert dry == done
    assert dry["writebacks"] == 4 * len(ERASED)


def test_the_certificate_names_stores_and_counts_and_no_value(erased: Erased) -> None:
    name = erased.done["key"]
    answer = erased.people.engine.ask("GET", f"/v1/certificates/{name}", "reader")
    found = answer.raise_for_status().json()
    assert (found["is_whole"], found["digest"]) == (True, erased.done["digest"])
    assert found["content"]["by"] == "eraser"
    assert {each["store"] for each in found["content"]["stores"]} >= {
        "raw files",
        "staged files",
        "writebacks",
        "writeback attempts",
        "handed-in files",
        "audit.contact_change",
        "curated.contact_history",
        "ops.quarantine",
        "shadow_before_curated.contact_current",
    }
    assert "zq7p" not in answer.text


def test_only_the_role_eraser_may_erase(erased: Erased) -> None:
    body = {"records": [erased.people.contacts[40]], "reason": "no"}
    for role in ("operator", "reader", "writer", "guest"):
        answer = erased.people.engine.ask("POST", "/v1/erasures", role, json=body)
        assert answer.status_code == httpx.codes.FORBIDDEN


def test_the_same_asked_again_is_the_same_erasure(erased: Erased) -> None:
    ids = [erased.people.contacts[person] for person in ERASED]
    body = {"records": ids, "with_related": True, "reason": "asked twice"}
    answer = erased.people.engine.ask("POST", "/v1/erasures", "eraser", json=body)
    assert answer.json()["is_new"] is False
