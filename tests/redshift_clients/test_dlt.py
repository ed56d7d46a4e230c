"""dlt 1.31.0: its destination `redshift`, over psycopg2, by INSERT, and its tables of state."""

from functools import partial
from typing import Any

import pytest

from tests.redshift_clients.client import driver

pytestmark = pytest.mark.redshift_client
ONE, NIHON = ["1", "one", "1.5"], ["2", "日本", "None"]
ZWEI, THREE = ["2", "zwei", "2.25"], ["3", "three", "3.0"]


@pytest.fixture
def call(redshift_database: str) -> Any:
    return lambda name, **given: partial(driver, "dlt")(name, redshift_database, **given)


def test_rows_are_appended(call: Any):
    assert call("append") == [[ONE, ZWEI, NIHON, THREE], ["a", "b", "c"]]


def test_tables_are_replaced(call: Any):
    assert call("replace") == [[ZWEI, THREE], ["c"]]


def test_rows_are_merged_with_those_of_their_lists(call: Any):
    assert call("merge") == [[ONE, ZWEI, THREE], ["a", "b", "c"]]


def test_columns_are_added_as_values_ask_for_them(call: Any):
    found, columns = call("evolve")
    assert found == [["1", "5", "None", "None"], ["2", "None", "large", "True"]]
    assert {"size", "size__v_text", "more"} <= set(columns)


def test_a_position_comes_back_from_the_warehouse(call: Any):
    assert call("state") == [[str(number)] for number in range(1, 6)]
