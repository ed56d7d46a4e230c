"""The record of attempts: sealed, and verified."""
