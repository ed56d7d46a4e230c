"""Writebacks under load: `python -m benchmarks.writeback`; amid locks: `python -m
benchmarks.writeback.locks`.
"""
