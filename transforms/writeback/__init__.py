"""Writeback: check the rows, decide on each one, form the batches and read the results."""
