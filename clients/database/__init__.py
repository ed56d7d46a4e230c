"""The operational database: engine, sessions, audit log and migrations."""
