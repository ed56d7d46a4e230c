"""The metrics that a process serves: its own work, and for some the state of the whole engine."""
