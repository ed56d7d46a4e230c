"""Counts of writebacks: what became of them, and how long it took."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import numpy as np

from clients.metrics.work import WRITEBACK_LATENCY, WRITEBACK_OUTCOMES
from transforms.writeback.row_errors import KNOWN_CODES

_OURS = re.compile(r"[a-z_]{1,40}")
"""Codes of the engine itself are in lower case, and few."""


class Settled(NamedTuple):
    """A writeback of which something has become known."""

    object: str
    outcome: str
    code: str
    """Empty: none."""
    since: datetime
    """Its acceptance, or an operator's retry."""
    sent_at: datetime | None
    """None: it was not sent."""
    done_at: datetime | None
    """None: it is not done."""


def count_settled(settled: Iterable[Settled]) -> None:
    """Count outcomes, and how long those took that are done."""
    seconds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for each in settled:
        WRITEBACK_OUTCOMES.labels(each.object, each.outcome, code_label(each.code)).inc()
        if each.done_at is not None:
            seconds[each.object, "done"].append((each.done_at - each.since).total_seconds())
            if each.sent_at is not None:
                seconds[each.object, "sent"].append((each.sent_at - each.since).total_seconds())
    for labels, values in seconds.items():
        WRITEBACK_LATENCY.observe(np.array(values), *labels)


def observe_echoes(object_name: str, seconds: Iterable[float]) -> None:
    """Changes of writebacks have come back, so many seconds after they were sent."""
    WRITEBACK_LATENCY.observe(np.fromiter(seconds, np.float64), object_name, "echo")


def code_label(code: str | None) -> str:
    """The code of a problem as a label: empty without one, `other` for one that the engine does
    not know.
    """
    if not code:
        return ""
    return code if code in KNOWN_CODES or _OURS.fullmatch(code) else "other"
