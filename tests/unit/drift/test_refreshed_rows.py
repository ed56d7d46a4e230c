"""The rows of a refresh become updates of some fields."""

from datetime import UTC, datetime
from typing import Any

from schemas.catalogue import Catalogue
from transforms.ingest.row_pages import page_of_records
from transforms.ingest.stage_rows import PageFacts, stage_rows

FIELDS = {"New__c": {"type": "string", "length": 80, "pii": "none"}}
CATALOGUE = Catalogue.model_validate(
    {"objects": {"Thing__c": {"label": "T", "key_prefix": "a0T", "fields": FIELDS}}}
)
SPEC = CATALOGUE.objects["Thing__c"]
ID = "a0T000000000001AAA"
MODSTAMP = "2026-11-01T12:00:00.000Z"


def page(*, deleted: bool) -> Any:
    row = {"Id": ID, "IsDeleted": deleted, "SystemModstamp": MODSTAMP, "New__c": "told"}
    return page_of_records([row], SPEC)


def test_fields_of_a_record_in_the_recycle_bin_do_not_bring_it_back() -> None:
    facts = PageFacts("lane/1", "2", None, 7, datetime(2026, 11, 2, tzinfo=UTC), is_partial=True)
    changes = stage_rows(page(deleted=True), SPEC, CATALOGUE, facts).changes
    assert changes is not None
    rows = sorted(changes.to_pylist(), key=lambda row: str(row["change_order"]))
    assert [(row["change_type"], row["new"]) for row in rows] == [("update", "told"), ("delete", None)]


def test_fields_stand_above_what_was_read_again_before_the_catalogue_had_them() -> None:
    stands_at = datetime(2026, 11, 1, 13, tzinfo=UTC)
    facts = PageFacts("lane/1", "2", None, 7, datetime(2026, 11, 2, tzinfo=UTC), stands_at, is_partial=True)
    changes = stage_rows(page(deleted=False), SPEC, CATALOGUE, facts).changes
    assert changes is not None
    assert changes["changed_at"][0].as_py() == datetime(2026, 11, 1, 13, 0, 0, 999_000, tzinfo=UTC)
