"""Apply: fold staged changes and net them, one result a record."""
