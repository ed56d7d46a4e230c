"""The collector of the engine's state: Prometheus asks in a thread, and the loop answers."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from workers.metrics.families import Sheet
from workers.metrics.status_samples import put_status
from workers.metrics.store_samples import put_facts
from workers.status import Look, StatusLook

_log = logging.getLogger(__name__)
_SCRAPE_SECONDS = 9.0
"""Less than the usual time of a scrape."""


@dataclass(eq=False)  # the registry keeps collectors in a map
class StateCollector(Collector):
    """Shows the shared look when Prometheus asks."""

    looks: StatusLook
    loop: asyncio.AbstractEventLoop
    """Where the look's clients live."""

    def describe(self) -> list[GaugeMetricFamily]:
        """None: the registry must not look when the collector is registered."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families of a look; none of them when the loop gives no answer."""
        asked = asyncio.run_coroutine_threadsafe(self.looks.recent(), self.loop)
        try:
            yield from sheet_of(asked.result(_SCRAPE_SECONDS)).families()
        except TimeoutError:
            asked.cancel()
            _log.warning("no look within %s s, so a scrape has no state", _SCRAPE_SECONDS)


def sheet_of(look: Look) -> Sheet:
    """The samples of a look."""
    sheet = Sheet()
    put_status(sheet, look.status)
    put_facts(sheet, look.facts)
    return sheet
