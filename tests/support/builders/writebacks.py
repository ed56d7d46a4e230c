"""Writebacks as callers ask for them, for tests."""

from datetime import UTC, datetime
from typing import Any

from schemas.catalogue import Catalogue, default_catalogue
from schemas.salesforce.describe import DescribedObject
from schemas.writeback.messages import WritebackRequest
from tests.support.builders.bus import protector
from transforms.writeback.validate import WritebackChecks

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def asked(**changed: Any) -> dict[str, Any]:
    """A writeback that nothing is wrong with, as JSON has it; `changed` is otherwise."""
    good = {"object": "Case", "external_id": "C-1", "key": "k-1", "fields": {"Subject": "A roof"}}
    return {**good, **changed}


def request(**changed: Any) -> WritebackRequest:
    """The same as a message."""
    return WritebackRequest.model_validate(asked(**changed))


def checks(catalogue: Catalogue | None = None, described: DescribedObject | None = None) -> WritebackChecks:
    """Checks with the tests' key; `described`: what is known of every object."""
    known = catalogue or default_catalogue()
    return WritebackChecks(known, protector(known), lambda _: described)
