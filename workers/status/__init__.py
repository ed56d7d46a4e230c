"""One look at the engine, which the command, the API, the metrics and the console share."""

from workers.status.look import Look, StatusLook

__all__ = ["Look", "StatusLook"]
