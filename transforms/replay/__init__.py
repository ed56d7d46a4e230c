"""Replay: find landed changes by their keys, and encrypt them as the present catalogue says."""
