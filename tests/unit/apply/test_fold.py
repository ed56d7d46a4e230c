"""The fold: a record's versions follow from its changes, in whatever order they are given."""

from hypothesis import given, strategies as st

from sandbox.org.events.changes import text_diff
from schemas.catalogue import Catalogue
from schemas.ingest.change_types import CREATE, DELETE, SNAPSHOT, UNDELETE, UPDATE
from tests.support.builders.changes import SPEC, change, histories
from transforms.apply.fold import LoggedChange, Version, fold, sum_up


def latest(*changes: LoggedChange) -> Version:
    return fold(changes, SPEC)[-1]


def test_nothing_happened_to_a_record_without_changes() -> None:
    assert fold([], SPEC) == []


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_delivery_does_not_matter(changes, chance) -> None:
    shuffled = list(changes)
    chance.shuffle(shuffled)
    assert fold(shuffled, SPEC) == fold(changes, SPEC)


@given(histories())
def test_every_change_makes_one_version(changes) -> None:
    versions = fold(changes, SPEC)
    assert [version.change_order for version in versions] == [each.change_order for each in changes]
    assert [version.version for version in versions] == list(range(1, len(changes) + 1))


@given(histories())
def test_a_version_ends_where_the_next_begins(changes) -> None:
    versions = fold(changes, SPEC)
    assert [version.valid_to for version in versions] == [each.valid_from for each in versions[1:]] + [None]


@given(histories(), st.integers(0, 8))
def test_the_past_does_not_depend_on_what_comes_later(changes, cut: int) -> None:
    states = [(version.values, version.is_deleted, version.is_complete) for version in fold(changes, SPEC)]
    earlier = fold(changes[:cut], SPEC)
    assert [(version.values, version.is_deleted, version.is_complete) for version in earlier] == states[:cut]


@given(histories(), st.integers(0, 8), st.integers(0, 8))
def test_a_record_that_is_folded_on_from_its_base_is_as_if_nothing_had_left(
    changes, cut: int, more: int
) -> None:
    base = sum_up(changes[:cut], SPEC)
    # The base moves on, and what it stands for may still be there.
    base = sum_up(changes[: cut + more], SPEC, base)
    start = max(0, min(cut + more, len(changes)) - 1)
    assert fold(changes[cut:], SPEC, base) == fold(changes, SPEC)[start:]


def test_an_update_sets_what_it_carries_alone() -> None:
    found = latest(change(1, CREATE, (1, 2, "x")), change(2, UPDATE, (None, 3, None), changed="b"))
    assert found.values == (1, 3, "x")


def test_an_update_can_null_a_field() -> None:
    found = latest(change(1, CREATE, (1, 2, "x")), change(2, UPDATE, changed="a"))
    assert found.values == (None, 2, "x")


def test_a_snapshot_replaces_every_field() -> None:
    found = latest(change(1, CREATE, (1, 2, "x")), change(2, SNAPSHOT, (7, None, None)))
    assert found.values == (7, None, None)


def test_a_deleted_record_keeps_its_last_values() -> None:
    found = latest(change(1, CREATE, (1, 2, "x")), change(2, DELETE))
    assert (found.values, found.is_deleted) == ((1, 2, "x"), True)


def test_an_undelete_brings_the_record_back() -> None:
    found = latest(change(1, CREATE, (1, 2, "x")), change(2, DELETE), change(3, UNDELETE, (1, 2, "y")))
    assert (found.values, found.is_deleted) == ((1, 2, "y"), False)


def test_an_update_that_comes_after_a_delete_does_not_undo_it() -> None:
    found = latest(
        change(1, CREATE, (1, 2, "x")), change(2, DELETE), change(3, UPDATE, (5, None, None), changed="a")
    )
    assert (found.values, found.is_deleted) == ((5, 2, "x"), True)


def test_a_record_that_was_never_seen_whole_is_incomplete() -> None:
    found = latest(change(1, UPDATE, (1, None, None), changed="a"))
    assert (found.values, found.is_complete) == ((1, None, None), False)


def test_a_record_that_is_seen_whole_later_is_complete_from_then_on() -> None:
    versions = fold([change(1, UPDATE), change(2, SNAPSHOT, (1, 2, "x")), change(3, UPDATE)], SPEC)
    assert [version.is_complete for version in versions] == [False, True, True]


def test_a_text_diff_is_applied_to_the_text_before_it() -> None:
    update = change(2, UPDATE, (None, None, text_diff("a\nb", "a\nc")), changed="c", diffs="c")
    assert latest(change(1, CREATE, (1, 2, "a\nb")), update).values == (1, 2, "a\nc")


def test_a_text_diff_that_does_not_fit_leaves_the_text_and_says_so() -> None:
    update = change(2, UPDATE, (5, None, text_diff("other", "new")), changed="a,c", diffs="c")
    found = latest(change(1, CREATE, (1, 2, "a\nb")), update)
    assert (found.values, found.is_complete) == ((5, 2, "a\nb"), False)


def test_a_diff_that_came_before_its_base_fits_once_the_base_is_there() -> None:
    base = change(1, CREATE, (1, 2, "a\nb"))
    update = change(2, UPDATE, (None, None, text_diff("a\nb", "a\nc")), changed="c", diffs="c")
    assert latest(update).is_complete is False
    assert latest(update, base).values == (1, 2, "a\nc")


def test_diffs_that_a_snapshot_read_in_their_second_holds_already_change_nothing() -> None:
    """The row stands at the beginning of its second, under the events that had happened when it was
    read (decision 0013).
    """
    texts = ["a\nb", "a\nc", "d\nc"]
    updates = [
        change(2 + n, UPDATE, (None, None, text_diff(texts[n], texts[n + 1])), changed="c", diffs="c")
        for n in range(2)
    ]
    versions = fold([change(1, SNAPSHOT, (1, 2, texts[2])), *updates], SPEC)
    # After the first diff nobody can tell; after the second it is known that the text holds both.
    assert [version.is_complete for version in versions] == [True, False, True]
    assert versions[-1].values == (1, 2, texts[2])


def test_a_text_in_doubt_is_known_again_once_the_record_is_seen_whole() -> None:
    update = change(2, UPDATE, (None, None, text_diff("other", "new")), changed="c", diffs="c")
    whole = change(3, SNAPSHOT, (1, 2, "new"))
    versions = fold([change(1, CREATE, (1, 2, "a")), update, whole], SPEC)
    assert [version.is_complete for version in versions] == [True, False, True]


def test_what_the_log_says_of_a_field_that_the_catalogue_has_no_more_changes_nothing() -> None:
    found = fold(
        [
            change(1, CREATE, (1, 2, "x"), isolated="gone_col"),
            change(2, UPDATE, (3, None, None), changed="a,gone_col", isolated="b,gone_col"),
            change(3, SNAPSHOT, (4, 5, "y"), changed="a,b,c,gone_col"),
        ],
        SPEC,
    )
    assert [version.values for version in found] == [(1, 2, "x"), (3, 2, "x"), (4, 5, "y")]
    assert [version.unknown_fields for version in found] == [None, "b", None]


def test_a_text_that_a_diff_makes_too_long_for_its_column_is_unknown_until_it_is_set_again() -> None:
    long = 300 * "x"
    grown = change(2, UPDATE, (7, None, text_diff("a", long)), changed="a,c", diffs="c")
    more = change(3, UPDATE, (None, None, text_diff(long, "b")), changed="c", diffs="c")
    last = change(4, UPDATE, (None, None, "b"), changed="c")
    found = fold([change(1, CREATE, (1, 2, "a")), grown, more, last], SPEC)[1:]
    assert [version.values for version in found] == [(7, 2, None), (7, 2, None), (7, 2, "b")]
    assert [version.unknown_fields for version in found] == ["c", "c", None]
    assert [version.of_fold for version in found] == [(("c", "too_long"),), (("c", "too_long"),), ()]
    assert [version.is_complete for version in found] == [True, False, False]


def test_a_text_that_a_diff_makes_longer_than_the_warehouses_texts_is_unknown() -> None:
    spec = SPEC.model_copy(update={"most_bytes": 100})
    grown = change(2, UPDATE, (None, None, text_diff("a", 51 * "é")), changed="c", diffs="c")
    assert fold([change(1, CREATE, (1, 2, "a")), grown], spec)[-1].unknown_fields == "c"


@given(st.lists(st.sets(st.integers(0, 399)), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_a_version_leaves_out_the_last_of_what_a_row_does_not_hold_and_brings_it_back(
    carried: list[set[int]], chance
) -> None:
    texts = {f"F{n:03d}__c": {"type": "string"} for n in range(400)}
    wide = {"label": "Wide", "key_prefix": "a0y", "fields": texts}
    spec = Catalogue.model_validate({"objects": {"Wide__c": wide}}).object("Wide__c")
    columns = list(spec.columns.values())
    changes = [
        change(
            n,
            values=tuple("x" * 23 if p in places else None for p in range(400)),
            changed=",".join(columns[p] for p in sorted(places)),
        )
        for n, places in enumerate(carried, 1)
    ]
    chance.shuffle(changes)
    bounded = spec.model_copy(update={"most_row_bytes": 24 * 100 + 24 + 50})
    for free, bound in zip(fold(changes, spec), fold(changes, bounded), strict=True):
        there = [place for place, value in enumerate(free.values) if value is not None]
        assert [place for place, value in enumerate(bound.values) if value is not None] == there[:100]
        assert set((bound.unknown_fields or "").split(",")) - {""} == {
            columns[place] for place in there[100:]
        }
