"""Faults that a test causes: killed processes, a bad stream, a proxy that fails."""
