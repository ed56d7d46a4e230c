"""Numbers keep their digits, and a value that JSON cannot hold costs no other one."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import example, given, strategies as st

from transforms import exact_json

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
