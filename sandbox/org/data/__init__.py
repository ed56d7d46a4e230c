"""Data of the org: objects, records, transactions and locks."""
