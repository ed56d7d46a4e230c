"""One org for all clients: they only add to it, and each counts what is its own."""

from collections.abc import Iterator

import pytest

from tests.real_clients.org import SalesforceOrg


@pytest.fixture(scope="session")
def salesforce(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SalesforceOrg]:
    org = SalesforceOrg(tmp_path_factory.mktemp("salesforce"))
    org.start()
    org.fill()
    yield org
    org.stop()
