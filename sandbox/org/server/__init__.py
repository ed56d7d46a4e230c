"""The server of the org: application, TLS, headers and setup."""
