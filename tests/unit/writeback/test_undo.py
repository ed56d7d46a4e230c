"""An undo, field by field: the values that it writes, asks for first, and leaves."""

from typing import Any

from hypothesis import given, strategies as st

from schemas.catalogue import default_catalogue
from transforms.writeback.selection import ranges
from transforms.writeback.undo import Written, locked_by, revert

SPEC = default_catalogue().object("Case")


def written(
    number: int,
    fields: dict[str, Any],
    replaced: dict[str, Any] | None = None,
    *,
    batch: str | None = "",
    undoes: int | None = None,
) -> Written:
    """A writeback; of a batch of its own where none is named."""
    return Written(number, f"b{number}" if batch == "" else batch, fields, replaced, undoes)


ROW = written(5, {"Status": "Open", "Subject": "ours"}, {"Status": "New", "Subject": None})


def test_what_was_there_comes_back_where_the_record_still_has_ours() -> None:
    made = revert(ROW, [], SPEC)
    assert made.fields == {"Status": "New", "Subject": None}
    assert made.only_if == {"Status": "Open", "Subject": "ours"}
    assert made.kept == {}


def test_a_parent_that_was_given_by_its_external_id_comes_back_as_the_reference_that_it_was() -> None:
    row = written(5, {"Account": {"ExternalId__c": "A-1"}}, {"AccountId": "001A"})
    made = revert(row, [], SPEC)
    assert (made.fields, made.only_if, made.kept) == ({"AccountId": "001A"}, {}, {})


def test_what_is_not_known_is_kept_with_the_reason() -> None:
    why = "what was there before is not known"
    new = revert(written(5, {"Status": "Open"}, None), [], SPEC)
    assert (new.fields, new.only_if, new.kept) == ({}, {}, {"Status": why})
    part = revert(written(5, {"Status": "Open", "Subject": "ours"}, {"Subject": "x"}), [], SPEC)
    assert (part.fields, part.only_if, part.kept) == ({"Subject": "x"}, {"Subject": "ours"}, {"Status": why})


def test_what_a_later_one_wrote_is_kept_and_the_last_writer_is_named() -> None:
    later = [written(6, {"Status": "Closed"}), written(8, {"Status": "Open"}), written(7, {"Status": "Held"})]
    made = revert(ROW, later, SPEC)
    assert made.fields == {"Subject": None}
    assert made.kept == {"Status": "writeback 8 wrote it later; undo that one as well"}


def test_a_later_one_wrote_the_same_parent_however_it_named_it() -> None:
    by_id = written(5, {"AccountId": "001B"}, {"AccountId": "001A"})
    by_key = written(6, {"Account": {"ExternalId__c": "A-1"}})
    assert list(revert(by_id, [by_key], SPEC).kept) == ["AccountId"]


def test_what_was_merged_into_one_entry_with_a_later_one_was_never_written() -> None:
    row = written(5, {"Status": "Open", "Subject": "ours"}, {"Status": "New", "Subject": "x"}, batch="b")
    made = revert(row, [written(6, {"Status": "Closed"}, batch="b")], SPEC)
    assert (made.fields, made.kept) == ({"Subject": "x"}, {})


def test_those_without_a_batch_are_not_merged() -> None:
    row = written(5, {"Status": "Open"}, {"Status": "New"}, batch=None)
    assert list(revert(row, [written(6, {"Status": "Closed"}, batch=None)], SPEC).kept) == ["Status"]


def test_a_later_one_that_was_undone_does_not_count() -> None:
    later = [written(6, {"Status": "Closed"}), written(7, {"Status": "Open"}, undoes=6)]
    assert revert(ROW, later, SPEC).fields["Status"] == "New"


def test_an_undo_that_was_undone_leaves_what_it_had_undone() -> None:
    later = [
        written(6, {"Status": "Closed"}),
        written(7, {"Status": "Open"}, undoes=6),
        written(8, {"Status": "Closed"}, undoes=7),
    ]
    assert revert(ROW, later, SPEC).kept == {"Status": "writeback 6 wrote it later; undo that one as well"}


def test_the_undo_of_an_earlier_one_is_a_later_writer() -> None:
    for undoes in (4, 5):
        made = revert(ROW, [written(6, {"Status": "Closed"}, undoes=undoes)], SPEC)
        assert made.kept == {"Status": "writeback 6 wrote it later; undo that one as well"}


def test_a_write_locks_its_parents_but_no_user_and_no_queue() -> None:
    fields = {"AccountId": "001A", "ContactId": None, "OwnerId": "005A", "Subject": "001B"}
    assert locked_by(fields, SPEC) == {"001A"}


@given(st.lists(st.integers(0, 60)))
def test_ranges_name_each_number_once_and_no_other(numbers: list[int]) -> None:
    pairs = [part.split("-") for part in ranges(numbers).split(", ") if part]
    named = [each for pair in pairs for each in range(int(pair[0]), int(pair[-1]) + 1)]
    assert named == sorted(set(numbers))


def test_runs_are_drawn_together() -> None:
    assert ranges([]) == ""
    assert ranges([3]) == "3"
    assert ranges([18, 3, 17, 19, 3, 5]) == "3, 5, 17-19"
