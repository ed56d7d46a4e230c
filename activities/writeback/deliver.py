"""Fourth step of the sender: the batch is sent, by collections or by the ingest job that is filled."""

from datetime import timedelta

from activities.writeback.begin import Permit
from activities.writeback.bisect import Carried, carry
from activities.writeback.collections import Collections
from activities.writeback.resolve import Resolver
from clients.writeback.batches import Batches
from schemas.writeback.messages import Carrier


async def deliver(
    permit: Permit, *, collections: Collections, batches: Batches, resolver: Resolver, come_again: timedelta
) -> Carried:
    """Send the batch, once. Outcomes are missing of entries of which nobody knows yet whether they were written.

    `come_again` is the wait of entries that were not sent, when the org does not say how long.
    """
    batch = permit.batch
    if batch.stored.carrier is Carrier.BULK:
        return Carried(await resolver.close_job(batch), is_over=True)
    return await carry(batch, collections, batches, not_after=permit.not_after, come_again=come_again)
