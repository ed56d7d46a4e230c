"""Find the change that a writeback made, when it comes back to us. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.writeback.messages import CLIENT_PREFIX, client_name
from transforms.writeback.equality import ID_CHARACTERS
from transforms.writeback.facts import whole_second


@dataclass(frozen=True)
class Unechoed:
    """A writeback that is done, and whose change has not come back."""

    number: int
    batch: str
    record_id: str
    sent_at: datetime
    """By the org's clock, before the call."""
    done_at: datetime


@dataclass(frozen=True)
class Returned:
    """A change of its record, as the change log has it."""

    at: datetime
    """Its commit; of a whole record the end of the second of its SystemModstamp."""
    applied_at: datetime
    is_whole: bool
    """True for a record as a query read it."""
    user: str
    origin: str


def echo_of(sent: Unechoed, changes: Sequence[Returned], us: str) -> datetime | None:
    """When the writeback's change was applied; None when it has not come back.

    An event of a batch has its client name. One of an ingest job has none, and neither has a
    record that was read: there it is our user, or a whole record that is newer than the answer,
    and so has what was written.

    Args:
        sent: The writeback.
        changes: What the change log has of its record since it was sent.
        us: The id of the user that writes; empty when it is not known.
    """
    found = [each.applied_at for each in changes if _is_echo(sent, each, us)]
    return min(found, default=None)


def came_from(origin: str, client: str) -> bool:
    """True when a change's origin names this client, and not one whose name begins alike:
    `com/salesforce/api/rest/67.0;client=x`.
    """
    return f"client={client}" in origin.split(";")


def batch_of_origin(origin: str) -> str | None:
    """The batch of writebacks that a change's origin names; None for another client's."""
    mark = f"client={CLIENT_PREFIX}"
    parts = [each.removeprefix(mark) for each in origin.split(";") if each.startswith(mark)]
    return parts[0] if parts else None


def _is_echo(sent: Unechoed, change: Returned, us: str) -> bool:
    if change.at < whole_second(sent.sent_at):
        return False
    if came_from(change.origin, client_name(sent.batch)):
        return True
    if f"client={CLIENT_PREFIX}" in change.origin:
        return False
    is_ours = bool(us) and change.user[:ID_CHARACTERS] == us[:ID_CHARACTERS]
    if change.is_whole:
        return is_ours or change.at > sent.done_at
    return is_ours and "bulkapi" in change.origin
