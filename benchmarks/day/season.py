"""The day's load: what changes when, by object, and how much of it is made for real.

A record change is made for every `SCALE` of the day, and a page of the org's answers holds as
many times fewer rows, so that pages, jobs and calls are as many as the whole load would take.
Streamed objects are made in full, since each of their events counts.
"""

import math
from dataclasses import dataclass

CHANGES = 35_000_000
SCALE = 100
HOUR = 3_600.0
DAY = 24 * HOUR
PEAK_PER_MINUTE = 120_000
_OFFICE = (8.0, 19.0)
_NIGHT_LEVEL = 0.35
_SPIKE = (10.0, 11.0)
"""Hours of an enrolment deadline, at the peak rate."""


@dataclass(frozen=True)
class TrafficShare:
    """One object's part of the day."""

    object: str
    changes: int
    field: str
    """A text field that the changes write."""
    scale: int = SCALE


SHARES = (
    TrafficShare("Case", 12_000_000, "IntakeNarrative__c"),
    TrafficShare("ServiceRequest__c", 11_000_000, "OfficerNotes__c"),
    TrafficShare("Payment__c", 9_000_000, "AuditNotes__c"),
    TrafficShare("Contact", 2_500_000, "OutreachNotes__c"),
    TrafficShare("Account", 480_000, "ReviewNotes__c"),
    TrafficShare("Opportunity", 20_000, "ReviewText__c", scale=1),
)


def level(hour: float) -> float:
    """The rate at an hour of the day, as a multiple of the day's mean. Its mean over the day is
    1.
    """
    if _SPIKE[0] <= hour < _SPIKE[1]:
        return _SPIKE_LEVEL
    return _BASE * _shape(hour)


def _shape(hour: float) -> float:
    begin, end = _OFFICE
    if not begin <= hour < end:
        return _NIGHT_LEVEL
    return _NIGHT_LEVEL + (1 - _NIGHT_LEVEL) * math.sin(math.pi * (hour - begin) / (end - begin))


def _base() -> float:
    """Factor for the rest of the day, so that the whole is the day's changes."""
    steps = [n / 60 for n in range(24 * 60)]
    rest = sum(_shape(hour) for hour in steps if not _SPIKE[0] <= hour < _SPIKE[1]) / 60
    return (24 - (_SPIKE[1] - _SPIKE[0]) * _SPIKE_LEVEL) / rest


_SPIKE_LEVEL = PEAK_PER_MINUTE / (CHANGES / (24 * 60))
_BASE = _base()
