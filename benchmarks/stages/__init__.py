"""Processor time of a change, by step of the road."""
