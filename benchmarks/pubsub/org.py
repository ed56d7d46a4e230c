"""The org of `benchmarks.pubsub`: it remembers the Avro of every event, so that what is measured is
its subscribers.

python -m benchmarks.pubsub.org  # takes what `python -m sandbox.org` takes
"""

from sandbox.org.__main__ import main
from sandbox.org.pubsub import model

_EVENTS = 100_000

if __name__ == "__main__":
    model._CACHED_EVENTS = _EVENTS
    main()
