"""Tests of erasure: what goes, and what stays."""
