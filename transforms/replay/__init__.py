"""Replay: find changes by key and encrypt them again."""
