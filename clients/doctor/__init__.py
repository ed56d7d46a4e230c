"""The questions of `tidegate doctor`, a file a remote. None of them leaves anything behind."""
