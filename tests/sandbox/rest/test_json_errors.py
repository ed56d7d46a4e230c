"""A text that is no JSON is refused in Jackson's words, never in those of the language below."""

import pytest

from sandbox.org.schema.jackson import NO_BODY, parse_problem
from tests.sandbox.rest_client import V, error

PYTHONS = ("line 1 column", "(char ", "Expecting", "NoneType", "'None'", "None", "True")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", NO_BODY),
        (b'{"a": ', "Unexpected end-of-input: expected close marker for OBJECT (from [line:1, column:0])"),
        (b'{"a": "b', "Unexpected end-of-input in VALUE_STRING at [line:1, column:8]"),
        (b"{a: 1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name"),
        (b'{"a" 1}', "was expecting a colon to separate field name and value at [line:1, column:6]"),
        (b'{"a": 1 "b": 2}', "('\"' (code 34)): was expecting comma to separate OBJECT entries"),
        (b"[1 2]", "was expecting comma to separate ARRAY entries"),
        (b'{"a": nope}', "Unrecognized token 'nope': was expecting 'null', 'true', 'false' or NaN"),
        (b'{"a": NaN}', "Non-standard token 'NaN'"),
        (b'{"a": "\n"}', "Illegal unquoted character ((CTRL-CHAR, code 10))"),
        (b'{"a": "\xff"}', "Invalid UTF-8 start byte 0xff"),
        (b'{"a": 1} x', "Unexpected character ('x' (code 120))"),
    ],
)
async def test_a_broken_body_is_refused_in_jacksons_words(client, body, problem):
    answer = await client.post(f"{V}/sobjects/Account", content=body)
    assert (answer.status_code, error(answer)["errorCode"]) == (400, "JSON_PARSER_ERROR")
    message = error(answer)["message"]
    assert problem in message
    assert not any(word in message for word in PYTHONS)


def test_a_place_counts_lines():
    assert parse_problem('{\n "a": ?}').endswith("at [line:2, column:7]")


@pytest.mark.parametrize("value", ["yes", 1, [], {}])
async def test_a_flag_that_is_none_is_refused_in_jacksons_words(client, value):
    records = [{"attributes": {"type": "Account"}, "Name": "A"}]
    answer = await client.post(f"{V}/composite/sobjects", json={"allOrNone": value, "records": records})
    assert "Cannot deserialize instance of boolean out of " in error(answer)["message"]


async def test_a_flag_that_is_null_is_false(client):
    records = [{"attributes": {"type": "Account"}, "Name": "A"}, {"attributes": {"type": "Account"}}]
    answer = await client.post(f"{V}/composite/sobjects", json={"allOrNone": None, "records": records})
    assert [row["success"] for row in answer.json()] == [True, False]
    steps = [{"method": "GET", "url": f"{V}/limits", "referenceId": "limits"}]
    answer = await client.post(f"{V}/composite", json={"allOrNone": None, "compositeRequest": steps})
    assert answer.json()["compositeResponse"][0]["httpStatusCode"] == 200
    answer = await client.post(
        f"{V}/composite/batch",
        json={"haltOnError": None, "batchRequests": [{"method": "GET", "url": "v67.0/limits"}]},
    )
    assert answer.json()["hasErrors"] is False


async def test_null_in_place_of_a_word_is_told_as_null(client):
    steps = [{"method": None, "url": f"{V}/limits", "referenceId": "limits"}]
    answer = await client.post(f"{V}/composite", json={"compositeRequest": steps})
    assert error(answer)["message"] == "Provided method is invalid: null"
