"""Fourth step of the sender: the batch is sent, by collections or by the ingest job that is filled."""

from activities.writeback.begin import Permit
from activities.writeback.bisect import Carried, carry
from activities.writeback.collections import Collections
from activities.writeback.resolve import Resolver
from clients.writeback.batches import Batches
from schemas.writeback.messages import Carrier


async def deliver(
    permit: Permit,
    *,
    collections: Collections,
    batches: Batches,
    resolver: Resolver,
) -> Carried:
    """Send the batch, once. Outcomes are missing of entries of which nobody knows yet whether they were written."""
    batch = permit.batch
    if batch.stored.carrier is Carrier.BULK:
        await resolver.jobs.close(batch.stored.job or "")
        return Carried(await resolver.ask_job(batch), is_over=True)
    come_again = resolver.terms.come_again
    return await carry(batch, collections, batches, not_after=permit.not_after, come_again=come_again)
