"""The audit log's chain by itself: each break is named by its row, and each word of a row
counts.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from clients.audit.verify import MOST_PROBLEMS, _Sentences
from clients.database.audit_chain import BEFORE_FIRST, ChainRow
from clients.database.audit_log import chain_breaks

AT = datetime(2026, 9, 1, 12, tzinfo=UTC)


def chained(count: int, *, version: int = 2) -> list[ChainRow]:
    """A whole log of so many rows."""
    rows: list[ChainRow] = []
    for number in range(1, count + 1):
        previous = rows[-1].hash if rows else BEFORE_FIRST
        row = ChainRow(
            number, version, AT, "lane.pause", "ada", "lane/o/c", f"reason {number}", "{}", previous, ""
        )
        rows.append(replace(row, hash=row.own_hash()))
    return rows


def breaks(rows: list[ChainRow]) -> list[str]:
    return list(chain_breaks(iter(rows)))


@pytest.mark.parametrize("version", [1, 2])
def test_a_log_of_either_version_that_nobody_touched_has_no_break(version: int) -> None:
    assert breaks(chained(4, version=version)) == []
    assert breaks([]) == []


def test_one_row_that_is_missing_is_named_and_so_is_the_place_that_it_left() -> None:
    rows = chained(4)
    assert breaks([rows[0], *rows[2:]]) == ["row 2 is missing", "row 3 does not follow the row before it"]
    assert breaks(rows[1:])[0] == "row 1 is missing"


def test_several_rows_that_are_missing_are_named_from_the_first_to_the_last() -> None:
    rows = chained(6)
    assert breaks([rows[0], *rows[4:]])[0] == "rows 2 to 4 are missing"
    assert breaks([rows[0], *rows[3:]])[0] == "rows 2 to 3 are missing"


@pytest.mark.parametrize(
    "said",
    [
        {"at": AT + timedelta(seconds=1)}, {"act": "lane.resume"}, {"by": "eve"}, {"target": "lane/o/d"},
        {"detail": "nothing"}, {"version": 1}, {"origin": ""},
    ],
)  # fmt: skip
def test_a_row_that_says_something_else_was_altered(said: dict) -> None:
    rows = chained(3)
    rows[1] = replace(rows[1], **said)
    assert breaks(rows) == ["row 2 was altered"]


@pytest.mark.parametrize("said", [{"by": "eve"}, {"target": "lane/o/d"}, {"detail": "nothing"}])
def test_a_row_of_an_older_release_that_says_something_else_was_altered(said: dict) -> None:
    rows = chained(3, version=1)
    rows[1] = replace(rows[1], **said)
    assert breaks(rows) == ["row 2 was altered"]


def test_a_row_that_was_hashed_again_is_no_longer_followed() -> None:
    rows = chained(3)
    changed = replace(rows[1], by="eve")
    rows[1] = replace(changed, hash=changed.own_hash())
    assert breaks(rows) == ["row 3 does not follow the row before it"]


def test_what_a_row_says_is_the_same_at_every_place_and_in_every_time_zone() -> None:
    [row] = chained(1)
    elsewhere = replace(
        row, number=9, previous_hash="1" * 64, hash="", at=AT.astimezone(timezone(timedelta(hours=2)))
    )
    assert elsewhere.content() == row.content()
    assert elsewhere.own_hash() != row.own_hash()
    assert {len(each.content()) for each in (row, elsewhere)} == {32}


def test_a_verdict_has_a_thousand_sentences_and_the_number_of_the_others() -> None:
    problems = _Sentences()
    for number in range(MOST_PROBLEMS):
        problems.add(f"row {number}")
    assert problems.all()[-1] == f"row {MOST_PROBLEMS - 1}"
    problems.add("one")
    problems.add("two")
    assert len(problems.all()) == MOST_PROBLEMS + 1
    assert problems.all()[-1] == "and 2 more"
