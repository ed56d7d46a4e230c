"""psycopg2 2.9, with libpq: texts with backslashes, cursors, the method that libpq lacks."""

from functools import partial
from typing import Any

import pytest

from tests.redshift_clients.client import driver

pytestmark = pytest.mark.redshift_client


@pytest.fixture
def call(redshift_database: str) -> Any:
    return lambda name, **given: partial(driver, "psycopg2")(name, redshift_database, **given)


def test_texts_come_back_as_they_were(call: Any):
    version, encoding, row = call("session")
    assert (version, encoding) == (80002, "UNICODE")
    assert row == [1, "it's \\ \n 日本", "2026-01-02 03:04:05", "1.50"]


def test_a_refusal_leaves_a_usable_session(call: Any):
    assert call("refusals") == [["42883", "0A000", "42703"], 1]


def test_a_named_cursor_reads_in_pieces(call: Any):
    assert call("cursors") == sum(range(300))


def test_method_13_is_not_known(call: Any):
    assert "authentication method 13 not supported" in call("digest")
