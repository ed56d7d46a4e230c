"""The parts of schedules: a database of the session's PostgreSQL, and an empty org."""

from collections.abc import Iterator

import pytest

from tests.storm.setting import storm_parts
from tests.storm.world import Parts


@pytest.fixture(scope="module")
def storm(postgres_port: int) -> Iterator[Parts]:
    with storm_parts(postgres_port) as parts:
        yield parts
