"""How a state is shown: its word, a tone (colour), and a shape, so that no colour speaks alone."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

TONES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "good": "dot",
        "calm": "ring",
        "busy": "arrow",
        "retry": "loop",
        "held": "bars",
        "warn": "triangle",
        "bad": "octagon",
        "unknown": "question",
    }
)
"""Tone -> its shape in the templates' sprite."""
_TONE_OF: Final = {
    "up": "good",
    "ok": "good",
    "following": "good",
    "equal": "good",
    "done": "good",
    "completed": "good",
    "applied": "good",
    "whole": "good",
    "quiet": "calm",
    "closed": "calm",
    "notice": "calm",
    "cancelled": "calm",
    "superseded": "calm",
    "discarded": "calm",
    "acknowledged": "calm",
    "resolved": "calm",
    "not started": "calm",
    "open": "busy",
    "running": "busy",
    "sent": "busy",
    "repaired": "good",
    "waiting": "retry",
    "retrying": "retry",
    "paused": "held",
    "held": "held",
    "draining": "held",
    "ticket": "warn",
    "isolated": "warn",
    "stalled": "bad",
    "down": "bad",
    "page": "bad",
    "failed": "bad",
    "dead": "bad",
    "differs": "bad",
    "broken": "bad",
    "terminated": "bad",
    "timed_out": "bad",
}


def tone_of(state: object) -> str:
    """The tone of a state's word. A word that is not known is shown as unknown, never as good."""
    return _TONE_OF.get(str(state), "unknown")
