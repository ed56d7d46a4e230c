"""Ids follow from what they stand for and from nothing else, so a second start or upload meets the
first.
"""

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from schemas import ids
from schemas.security import ids as security_ids

AT = datetime(2026, 9, 21, 23, 59, tzinfo=UTC)
ORG = "00D000000000001AAA"
LANE = "l" + 39 * "x"  # the longest name that the settings allow
LAST = str(10**20 - 1)

FROZEN = [
    (ids.lane_workflow_id("o", "l"), "lane/o/l"),
    (ids.batch_workflow_id("o", "l", "7"), "batch/o/l/7"),
    (ids.batch_name("l", "7"), "l/7"),
    (ids.manifest_key("o", "l", "7"), "chain/o/l/00000000000000000007.json"),
    (ids.manifest_key("o", "l", ids.ORIGIN), "chain/o/l/origin.json"),
    (
        ids.raw_key("o", "l", "7", 64 * "a", AT),
        "raw/o/l/dt=2026-09-21/00000000000000000007-aaaaaaaaaaaaaaaa.parquet",
    ),
    (ids.staged_key("o", "l", "7", "case"), "staged/o/l/00000000000000000007/case.parquet"),
    (ids.refused_key("o", "l", "7", "Case"), "staged/o/l/00000000000000000007/Case.refused.parquet"),
    (security_ids.data_key_key("o"), "keys/o/1.json"),
    (ids.describe_key("o", "Case"), "describe/o/Case.json"),
    (ids.writeback_queue_id("o", "Case"), "writebacks/o/Case"),
    (ids.intake_refusals_key("o", "intake/o/a/b.csv"), "intake-refused/o/a/b.csv.ndjson"),
]


@pytest.mark.parametrize(("made", "frozen"), FROZEN, ids=[frozen for _, frozen in FROZEN])
def test_the_grammar_of_ids_is_frozen(made: str, frozen: str) -> None:
    assert made == frozen


@given(st.integers(0, 10**20 - 1), st.integers(0, 10**20 - 1))
def test_padded_positions_sort_as_the_lane_does(one: int, other: int) -> None:
    assert (ids.padded(str(one)) < ids.padded(str(other))) == (one < other)


@given(st.integers(0, 10**20 - 1), st.integers(0, 10**20 - 1))
def test_two_positions_never_share_a_manifest(one: int, other: int) -> None:
    keys = {ids.manifest_key(ORG, LANE, str(position)) for position in (one, other)}
    assert len(keys) == len({one, other})


def test_the_chain_before_its_first_batch_sorts_after_every_position() -> None:
    assert ids.padded(ids.ORIGIN) > ids.padded(LAST)


@pytest.mark.parametrize(
    "longest",
    [ids.lane_workflow_id(ORG, LANE), ids.batch_workflow_id(ORG, LANE, LAST), ids.batch_name(LANE, LAST)],
)
def test_the_longest_id_stays_below_255_bytes(longest: str) -> None:
    assert len(longest.encode()) < 255
