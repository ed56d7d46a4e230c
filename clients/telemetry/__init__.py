"""Log lines and traces of a process. No value of a record is part of them."""
