"""A fault in a change's header is named by its part, and never quoted."""

from typing import Any

import pytest

from transforms.ingest.change_header import EventRefusedError, read_header

SECRET = "Lovelace 10 December"
GOOD: dict[str, Any] = {
    "commitTimestamp": 1,
    "commitNumber": 2,
    "sequenceNumber": 3,
    "recordIds": ["003000000000001AAA"],
    "changeType": "UPDATE",
    "entityName": "Contact",
}


@pytest.mark.parametrize("part", GOOD)
@pytest.mark.parametrize("value", [SECRET, [SECRET], {"a": SECRET}, float("inf"), None], ids=str)
def test_a_refusal_names_the_part_and_not_its_text(part: str, value: object) -> None:
    with pytest.raises(EventRefusedError) as caught:
        read_header({**GOOD, part: value})
    assert SECRET not in str(caught.value)
    assert "Lovelace" not in repr(caught.value.record_ids)


def test_a_good_header_is_read() -> None:
    assert read_header(GOOD).object == "Contact"
