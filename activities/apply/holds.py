"""An object is held when too many changes of one of its batches break rules of severity `reject`.

Raw goes on landing. The object's staged batches wait, also those that came before the one that
held it, so that nothing overtakes them. What had been received when somebody released the object
passes from then on: they have seen it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from activities.apply.ledger import Share
from activities.quality.record_quality import rejected_by_rules
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import holds as sql
from clients.warehouse.sql.apply import HOLD, insert_row
from schemas.catalogue import ObjectSpec
from schemas.errors import ObjectHeldError
from schemas.ops_tables import HOLD_COLUMNS


class TooManyRejectedError(Exception):
    """A batch of the group holds its object. It ends the transaction, whose effects must not be
    seen.
    """

    def __init__(self, batch: str, reason: str) -> None:
        self.batch = batch
        self.reason = reason
        super().__init__(reason)


def check_hold(transaction: Transaction, spec: ObjectSpec, shares: Sequence[Share]) -> None:
    """Raises `ObjectHeldError` while the object is held, and `TooManyRejectedError` for a batch
    that is to hold it.

    One small query for an object with a threshold, nothing for others. Run it under the object's
    lock.
    """
    if spec.hold_above is None or not shares:
        return
    last = transaction.fetch(sql.find_last_hold(), [spec.name])
    reason, released_at = last[0] if last else ("", None)
    if last and released_at is None:
        raise ObjectHeldError(object_name=spec.name, reason=reason)
    for share in shares:
        is_seen = released_at is not None and share.item.manifest.last_received_at <= released_at
        rejected, landed = rejected_by_rules(share.refused), share.item.staged.landed
        if not is_seen and 100 * rejected > spec.hold_above * landed:
            raise TooManyRejectedError(
                share.batch,
                f"{rejected:,} of {landed:,} changes of the batch {share.batch} break rules of severity `reject`, "
                f"more than {spec.hold_above:g} %.",
            )


def hold(warehouse: Warehouse, spec: ObjectSpec, cause: TooManyRejectedError) -> ObjectHeldError:
    """Write the hold in a transaction of its own; returns the error with which the group waits."""
    with warehouse.transaction() as transaction:
        transaction.lock_object(spec.table)
        last = transaction.fetch(sql.find_last_hold(), [spec.name])
        if not last or last[0][1] is not None:
            values = (spec.name, cause.batch, cause.reason, datetime.now(UTC), None, None, None)
            transaction.execute(insert_row(HOLD, HOLD_COLUMNS), values)
    return ObjectHeldError(object_name=spec.name, reason=cause.reason)
