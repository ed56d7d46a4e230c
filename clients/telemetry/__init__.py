"""What a process says about its own work: log lines and traces. No value of a record is part of them."""
