"""Reads of single records for the HTTP API, from a warehouse that has indexes: PostgreSQL."""
