"""A session of the stand-in."""

from collections.abc import Iterator

import psycopg
import pytest


@pytest.fixture
def session(redshift_database: str) -> Iterator[psycopg.Connection]:
    """A session that commits each statement by itself."""
    with psycopg.connect(
        redshift_database, autocommit=True, client_encoding="utf8", prepare_threshold=None
    ) as opened:
        yield opened
