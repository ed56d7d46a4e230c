"""Copies of curated tables in Parquet, for other engines to read."""
