"""Faults that a test can set, and the dials that set them."""
