"""Single steps of the fold: bases, partial snapshots, unknown texts and rows that are too wide."""

from sandbox.org.events.changes import text_diff
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.ingest.change_types import CREATE, DELETE, SNAPSHOT, UPDATE
from schemas.quality import Rule
from tests.support.builders.changes import SPEC, change
from transforms.apply.fold import fold, sum_up

NAMES = ["A__c", "B__c", "C__c", *(f"F{number}__c" for number in range(298))]
"""More than three hundred: fewer fit into any row."""
WIDE: ObjectSpec = Catalogue.model_validate(
    {
        "objects": {
            "Wide__c": {
                "label": "Wide",
                "key_prefix": "a0y",
                "fields": {name: {"type": "string"} for name in NAMES},
            }
        }
    }
).object("Wide__c")
TEXT = 23 * "x"
"""24 bytes in a row; twice as long, it takes 27."""
TWO = WIDE.model_copy(update={"most_row_bytes": 24 + len(NAMES) // 8 + 2 * 24})
"""A row of it holds two such texts."""


def row(*texts: str | None) -> tuple[str | None, ...]:
    return (*texts, *[None] * (len(NAMES) - len(texts)))


def test_no_changes_have_no_base() -> None:
    assert sum_up([], SPEC) is None


def test_a_base_is_the_first_version_and_its_own_change_is_not_taken_again() -> None:
    first, second = change(1, CREATE, (1, 2, "x")), change(2, UPDATE, (5, None, None), changed="a")
    base = sum_up([first], SPEC)
    assert base is not None
    assert fold([], SPEC, base) == [base.version]
    assert fold([first], SPEC, base) == [base.version]
    assert fold([first, second], SPEC, base) == fold([first, second], SPEC)
    assert sum_up([], SPEC, base) == base


def test_a_snapshot_of_some_fields_leaves_the_others_and_makes_the_record_complete() -> None:
    partial = change(2, SNAPSHOT, (7, None, None), changed="a,b")
    found = fold([change(1, UPDATE, (1, 2, "x"), changed="a,b,c"), partial], SPEC)
    assert [(each.values, each.is_complete) for each in found] == [
        ((1, 2, "x"), False),
        ((7, None, "x"), True),
    ]


def test_a_snapshot_of_some_fields_brings_a_deleted_record_back() -> None:
    changes = [change(1, CREATE, (1, 2, "x")), change(2, DELETE), change(3, SNAPSHOT, changed="a")]
    assert [each.is_deleted for each in fold(changes, SPEC)] == [False, True, False]


def test_a_snapshot_of_a_field_makes_it_known_also_one_that_the_catalogue_has_no_more() -> None:
    first = change(1, CREATE, (None, 2, "x"), isolated="a,gone_col")
    base = sum_up([first, change(2, SNAPSHOT, (1, None, None), changed="a,gone_col")], SPEC)
    assert base is not None
    assert (base.unknown, base.version.values) == (None, (1, 2, "x"))


def test_a_diff_of_an_unknown_text_leaves_it_unknown() -> None:
    """It is stored as null, which is no text that the diff was made from."""
    first = change(1, CREATE, (1, 2, None), isolated="c")
    diff = change(2, UPDATE, (3, None, text_diff("", "new")), changed="a,c", diffs="c")
    found = fold([first, diff], SPEC)[-1]
    assert (found.values, found.unknown_fields, found.is_complete) == ((3, 2, None), "c", False)


def test_a_row_that_is_too_wide_leaves_out_its_last_texts_and_has_no_base() -> None:
    changes = [change(1, CREATE, row(TEXT, TEXT, TEXT))]
    [found] = fold(changes, TWO)
    assert (found.values, found.unknown_fields) == (row(TEXT, TEXT), "c")
    assert found.of_fold == (("c", Rule.TOO_WIDE),)
    assert sum_up(changes, TWO) is None
    assert fold(changes, WIDE)[0].values == row(TEXT, TEXT, TEXT)


def test_a_row_that_is_too_wide_names_what_was_unknown_before_too() -> None:
    first = change(1, CREATE, row(None, TEXT, TEXT), isolated="a")
    more = change(2, UPDATE, row(None, 2 * TEXT), changed="b")
    assert [each.unknown_fields for each in fold([first, more], TWO)] == ["a", "a,c"]


def test_a_text_that_grew_too_long_is_named_beside_those_for_which_there_is_no_room() -> None:
    first = change(1, CREATE, row("x", TEXT, TEXT))
    grown = change(2, UPDATE, row(text_diff("x", 300 * "x"), 2 * TEXT), changed="a,b", diffs="a")
    found = fold([first, grown], TWO)[-1]
    assert found.values == row(None, 2 * TEXT)
    assert found.of_fold == (("a", Rule.TOO_LONG), ("c", Rule.TOO_WIDE))
    assert found.unknown_fields == "a,c"


def test_a_text_that_grew_too_long_is_in_the_base_and_known_once_it_is_set() -> None:
    grown = change(2, UPDATE, (None, None, text_diff("a", 300 * "x")), changed="c", diffs="c")
    base = sum_up([change(1, CREATE, (1, 2, "a")), grown], SPEC)
    assert base is not None
    assert base.grown == frozenset({"c"})
    assert base.unknown == "c"
    assert base.version.of_fold == (("c", Rule.TOO_LONG),)
    [_, found] = fold([change(3, UPDATE, (None, None, "b"), changed="c")], SPEC, base)
    assert (found.values, found.unknown_fields, found.of_fold) == ((1, 2, "b"), None, ())
