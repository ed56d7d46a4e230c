"""Messages: their ids, and their bodies as Standard Webhooks asks for them."""

from datetime import datetime, timedelta, timezone

import orjson

from transforms.webhook.message import message_body, message_id, trial_body


def test_an_id_stands_for_one_change_and_has_no_full_stop() -> None:
    ids = {
        message_id(*parts)
        for parts in (("o", "Case", "1"), ("o", "Case", "2"), ("o", "Lead", "1"), ("p", "Case", "1"))
    }
    assert len(ids) == 4
    assert not [each for each in ids if "." in each]
    assert message_id("o", "Case", "1") == message_id("o", "Case", "1")


def test_a_body_has_type_timestamp_and_the_change_itself() -> None:
    change = {"object": "Case", "change_type": "update", "changed_at": "2026-11-30T12:00:00Z", "n": None}
    wanted = {"type": "Case.update", "timestamp": "2026-11-30T12:00:00Z", "data": change}
    assert orjson.loads(message_body(change)) == wanted


def test_a_test_message_has_its_time_in_utc_and_holds_no_record() -> None:
    at = datetime(2026, 11, 30, 13, tzinfo=timezone(timedelta(hours=1)))
    wanted = {"type": "tidegate.test", "timestamp": "2026-11-30T12:00:00+00:00", "data": {"webhook": "w"}}
    assert orjson.loads(trial_body("w", at)) == wanted
