"""The command `writeback`."""
