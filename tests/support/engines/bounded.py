"""Workers in the test's own process: their end hangs now and then, as that of a process of the
engine does.
"""

from temporalio.worker import Worker

from tests.support.builders.waiting import SLOWNESS
from workers.queues.bounded_worker import BoundedWorker


def bounded(worker: Worker) -> BoundedWorker:
    """The worker, whose end is given up after some seconds."""
    return BoundedWorker(worker, 10 + SLOWNESS)
