"""Waiting until the warehouse is equal to the org, record by record."""

import time
from collections.abc import Set

from cli.local.compare_records import Comparison, compare_all
from sandbox.endpoints import Endpoints
from tests.support.builders.waiting import limit_in
from workers.clients import ProcessClients


def wait_until_equal(
    endpoints: Endpoints, opened: ProcessClients, *, seconds: float = 90, but: Set[str] = frozenset()
) -> Comparison:
    """Compare until nothing differs but the sentences in `but`; raises after `seconds` times
    `SLOWNESS`.

    What an event does not tell is read from the org after its batch was applied: an encrypted
    text that came as a diff, a record behind a gap, a poll's delay.
    """
    deadline = limit_in(seconds)
    while True:
        compared = compare_all(
            endpoints.salesforce.control_url, endpoints.warehouse.dsn, opened.catalogue, opened.protector
        )
        if set(compared.shown) <= but:
            return compared
        assert time.monotonic() < deadline, compared.shown
        time.sleep(0.5)
