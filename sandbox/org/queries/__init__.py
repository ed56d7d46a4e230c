"""Queries at work: readers, rows, pages, cursors."""
