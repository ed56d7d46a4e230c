"""The console at `/console`: the engine's state for a person, in a browser."""
