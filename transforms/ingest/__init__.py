"""Ingest: turn events and rows of Salesforce into stage rows."""
