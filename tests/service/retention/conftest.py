"""These tests need the engine's tables, and none is about how they are made."""

import pytest


@pytest.fixture
def database(database_with_tables: str) -> str:
    return database_with_tables
