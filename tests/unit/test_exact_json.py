"""Numbers keep their digits, and a value that JSON cannot hold costs no other one."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import example, given, strategies as st

from transforms import exact_json
from transforms.deep_json import dumps_deep

LONG = b'"a":1234567890123456.5'


@pytest.mark.parametrize(
    ("odd", "value"),
    [
        pytest.param(b'"\\ud800"', "\ufffd\x00", id="half a surrogate pair"),
        pytest.param(b'"\xff"', "\ufffd\x00", id="bytes that are no UTF-8"),
        pytest.param(b"NaN", "NaN", id="a number that is none"),
        pytest.param(b"1e400", "1e400", id="a number beyond a double"),
        pytest.param(b"99999999999999999999999", 1e23, id="a whole number beyond 64 bits"),
    ],
)
@pytest.mark.parametrize("beside", [LONG, b'"a":1.5'])
def test_an_odd_value_costs_no_other(odd: bytes, value: Any, beside: bytes) -> None:
    found = exact_json.loads_where_needed(b"{" + beside + b',"b":' + odd + b"}")
    assert found["b"] == value
    assert Decimal(str(found["a"])) == Decimal(beside.partition(b":")[2].decode())
    assert orjson.loads(exact_json.dumps(found))["b"] == value, "what is landed can be read again"


@pytest.mark.parametrize(
    "text",
    ["12345678901234567.25", "9007199254740.993", "-9007199254740.993", "0.30000000000000004"],
    ids=["long", "seventeen characters", "negative", "a sum of doubles"],
)
def test_a_number_keeps_each_digit_of_its_text(text: str) -> None:
    assert exact_json.loads(text.encode()) == Decimal(text)
    found = exact_json.loads_where_needed(f'{{"a":1.5,"b":{text}}}'.encode())
    assert Decimal(found["b"]) == Decimal(text)


def test_beside_a_long_number_all_others_are_doubles_as_usual() -> None:
    found = exact_json.loads_where_needed(b"{" + LONG + b',"b":1.50,"c":7,"d":null}')
    assert (found["b"], found["c"], found["d"]) == (1.5, 7, None)
    assert (type(found["a"]), type(found["b"])) == (Decimal, float)


def test_an_odd_text_is_found_however_deep_it_stands() -> None:
    odd, whole = '"\\ud800"', "\ufffd\x00"
    for text, value in (
        (f"[[{odd}]]", [[whole]]),
        (f'[{{"a":[{odd}]}}]', [{"a": [whole]}]),
        (f"{{{odd}:null}}", {whole: None}),
    ):
        assert exact_json.loads_where_needed(text.encode()) == value
        assert exact_json.loads(text.encode()) == value


def test_a_number_beyond_what_every_reader_takes_is_a_text() -> None:
    assert exact_json.loads(b"[1e300,1e301,-1e9999]") == [Decimal("1e300"), "1e301", "-1e9999"]


@pytest.mark.parametrize("text", ["", "abc", " 1", "01", "NaN", "1e400", "\u0667"])
def test_a_text_that_shows_no_number_of_json_stays_a_text(text: str) -> None:
    assert exact_json.number(text) == text


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), object()])
def test_what_json_cannot_hold_is_not_written(value: Any) -> None:
    with pytest.raises(TypeError):
        exact_json.dumps(value)
    with pytest.raises(TypeError):
        dumps_deep([value])


@pytest.mark.parametrize("levels", [1, 199, 201, 254, 255, 256, 399, 400, 401, 402, 600, 1_000])
def test_json_is_written_however_deep_it_is(levels: int) -> None:
    for opens, closes in (("[", "]"), ('{"a":1,"b":', "}")):
        text = levels * opens + "0" + levels * closes
        assert dumps_deep(orjson.loads(text)).decode() == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**14), max_value=10**14))
def test_a_number_comes_back_with_every_digit(number: Decimal) -> None:
    assert exact_json.loads(exact_json.dumps({"n": number}))["n"] == number
    assert exact_json.loads(exact_json.dumps([exact_json.number(f"{number:f}")]))[0] == number


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
@example(-100_000_000_000_000_001)
@example(2**64 - 1)
def test_usual_json_is_read_as_usual(value: Any) -> None:
    text = orjson.dumps(value)
    assert exact_json.loads_where_needed(text) == exact_json.loads(text) == orjson.loads(text)
