"""Commands about keys, the audit log, retention and erasure."""
