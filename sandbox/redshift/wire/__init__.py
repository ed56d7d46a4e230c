"""PostgreSQL's wire protocol, version 3, as Redshift speaks it."""
