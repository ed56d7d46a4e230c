"""The Tooling API: what the org's objects and fields are, as rows that can be queried."""
