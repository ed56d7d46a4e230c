"""The REST API of the org: versions, describe, records, queries and limits."""
