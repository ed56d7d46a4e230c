"""A polled position is text that sorts as the lane does, in Python, in a bucket's listing and in a
manifest's name.
"""

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from schemas.ids import padded
from schemas.ingest.messages import MovePositionInput
from schemas.ingest.positions import PolledPosition

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
POSITIONS = st.builds(
    PolledPosition,
    st.integers(0, 10**10).map(lambda seconds: seconds * 1_000 if seconds < 10**10 else 0),
    st.none() | st.text(ALPHABET, min_size=18, max_size=18),
)


def place(position: PolledPosition) -> tuple[int, str]:
    return position.modstamp_ms, position.record_id or ""


@given(POSITIONS)
def test_a_position_is_read_back_as_it_was_written(position: PolledPosition) -> None:
    assert PolledPosition.parse(str(position)) == position


@given(POSITIONS, POSITIONS)
def test_positions_sort_as_text(one: PolledPosition, other: PolledPosition) -> None:
    assert (str(one) < str(other)) == (place(one) < place(other))
    assert (padded(str(one)) < padded(str(other))) == (place(one) < place(other))


@pytest.mark.parametrize(
    "text", ["origin", "17", "1795000000000-", "1795000000000-500Tg", "-1", "17950000000001"]
)
def test_the_position_of_a_stream_is_none_of_a_polled_lane(text: str) -> None:
    with pytest.raises(ValueError, match="not the position of a polled lane"):
        PolledPosition.parse(text)


@pytest.mark.parametrize("text", ["origin", "17", "1795000000000", "1795000000000-500Tg000000zz01AAA"])
def test_a_lane_can_be_moved_to_a_position_of_either_kind(text: str) -> None:
    assert MovePositionInput(position=text, by="ada", reason="after a test").position == text


@pytest.mark.parametrize("text", ["", "x", "1795000000000-500", "1-500Tg000000zz01AAA"])
def test_a_lane_cannot_be_moved_to_what_is_no_position(text: str) -> None:
    with pytest.raises(ValidationError):
        MovePositionInput(position=text, by="ada", reason="after a test")


def test_a_moment_is_the_position_before_its_second() -> None:
    moment = datetime(2026, 9, 21, 14, 0, 7, 999_000, tzinfo=UTC)
    assert PolledPosition.at(moment).moment == datetime(2026, 9, 21, 14, 0, 7, tzinfo=UTC)
