"""Check the project's English: `python -m tests.prose` lists findings, `--wrap` wraps long lines."""
