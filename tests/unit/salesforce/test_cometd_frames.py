"""One broken message must not cost the others: it is cut out and handed on, with its replay id
where that can be read.
"""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from clients.salesforce.streaming.cometd_frames import BROKEN_CHANNEL, load_frame
from tests.support.builders.things import event
from transforms.ingest.decode_events import BROKEN

CHANNEL = "/data/ChangeEvents"
ACK: dict[str, Any] = {"channel": "/meta/connect", "successful": True, "id": "7", "clientId": "c"}


def message(replay_id: int, **body: Any) -> dict[str, Any]:
    return {"data": event({"Title__c": "a"} | body) | {"event": {"replayId": replay_id}}, "channel": CHANNEL}


def text(*messages: dict[str, Any] | str) -> str:
    return "[" + ",".join(m if isinstance(m, str) else orjson.dumps(m).decode() for m in messages) + "]"


def raw(value: dict[str, Any]) -> str:
    return orjson.dumps(value).decode()


def broken(frame: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["data"] for each in frame if each["channel"] == BROKEN_CHANNEL]


GOOD = [message(1), message(2, Notes__c='{"data": 1}, {"channel": "/meta/x"}'), message(3), ACK]


def test_a_good_frame_comes_through_untouched() -> None:
    assert load_frame(text(*GOOD)) == GOOD


def test_a_frame_that_is_one_message_comes_through_untouched() -> None:
    assert load_frame(raw(ACK)) == ACK


BROKEN_TEXTS = [
    pytest.param(raw(message(9))[:-20], id="cut off"),
    pytest.param(raw(message(9)).replace('"a"', '"a'), id="a quote that is missing"),
    pytest.param(raw(message(9)).replace('"a"', '"a\n"'), id="a line feed inside a text"),
    pytest.param(raw(message(9)).replace('"a"', '"\\x"'), id="an escape that does not exist"),
    pytest.param(raw(message(9)).replace('"a"', "[" * 2_000), id="brackets without end"),
    pytest.param(raw(message(9)).replace('"payload":', '"payload"'), id="a colon that is missing"),
    pytest.param(raw(message(9)).replace('{"data"', '"data"', 1), id="no beginning"),
    pytest.param(raw(message(9)).replace('{"data"', '{"dat', 1), id="a beginning that is misspelt"),
    pytest.param("<html>502 Bad Gateway</html>", id="no message at all"),
]


@pytest.mark.parametrize("wrong", BROKEN_TEXTS)
@pytest.mark.parametrize("place", [0, 2, 4])
def test_the_others_survive_a_broken_message(wrong: str, place: int) -> None:
    messages: list[dict[str, Any] | str] = [*GOOD]
    messages.insert(place, wrong)
    frame = load_frame(text(*messages))
    assert [each for each in frame if each["channel"] != BROKEN_CHANNEL] == GOOD


@pytest.mark.parametrize("wrong", BROKEN_TEXTS)
def test_a_broken_message_is_handed_on_whole(wrong: str) -> None:
    (data,) = broken(load_frame(text(GOOD[0], wrong, GOOD[1])))
    assert data[BROKEN] == wrong.strip(" ,[]\n")


@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        pytest.param('"x\\ud800y"', "x\ufffd\x00y", id="half a surrogate pair"),
        pytest.param("NaN", "NaN", id="a number that is none"),
        pytest.param("1e400", "1e400", id="a number beyond a double"),
        pytest.param("1" + "0" * 400, "1" + "0" * 400, id="a whole number beyond a double"),
    ],
)
def test_a_value_that_json_cannot_hold_does_not_break_its_message(wrong: str, value: str) -> None:
    """An odd value concerns one field: staging notes or isolates the value."""
    frame = load_frame(text(GOOD[0], raw(message(9)).replace('"a"', wrong), GOOD[1]))
    assert broken(frame) == []
    assert frame[1]["data"]["payload"]["Title__c"] == value
    orjson.dumps(frame)


def test_its_replay_id_is_recovered() -> None:
    wrong = raw(message(1234567)).replace('"a"', '"a')
    assert broken(load_frame(text(wrong)))[0]["event"] == {"replayId": 1234567}


def test_a_replay_id_that_is_cut_short_is_not_taken_for_one() -> None:
    whole = raw(message(1234567))
    wrong = whole[: whole.index("1234567") + 3]
    assert broken(load_frame(text(GOOD[0], wrong)))[0]["event"] == {}


def test_a_replay_id_in_somebodys_text_is_not_taken_for_one() -> None:
    wrong = raw(message(9, Notes__c='"replayId": 5}'))[:-40]
    assert broken(load_frame(text(wrong)))[0]["event"] == {}


def test_two_broken_messages_apart_stay_two() -> None:
    wrong = [raw(message(number)).replace('"a"', '"a') for number in (5, 7)]
    frame = load_frame(text(wrong[0], message(6), wrong[1]))
    assert [data["event"]["replayId"] for data in broken(frame)] == [5, 7]


def test_the_order_of_the_lane_is_kept() -> None:
    wrong = raw(message(2)).replace('"a"', '"a')
    frame = load_frame(text(message(1), wrong, message(3), ACK))
    assert [(each.get("data") or {}).get("event", {}).get("replayId") for each in frame] == [1, 2, 3, None]


def test_a_frame_of_nothing_gives_nothing() -> None:
    assert load_frame("") == []


def corrupted(whole: str, draw: st.DrawFn) -> str:
    """The message with something removed, replaced or put in, at any place."""
    begin = draw(st.integers(0, len(whole) - 1))
    end = min(len(whole), begin + draw(st.integers(0, 30)))
    # What is put in is no message by itself: those of the frame are counted.
    return whole[:begin] + draw(st.text(max_size=5)) + whole[end:]


@settings(max_examples=200)
@given(st.data(), st.integers(0, 3))
def test_no_corruption_of_one_message_loses_another(data: st.DataObject, place: int) -> None:
    messages: list[dict[str, Any] | str] = [*GOOD]
    messages.insert(place, data.draw(st.composite(lambda draw: corrupted(raw(message(9)), draw))()))
    frame = load_frame(text(*messages))
    survived = [each for each in frame if each in GOOD]
    assert survived == GOOD
    assert len(frame) > len(GOOD) or messages[place] == ""
