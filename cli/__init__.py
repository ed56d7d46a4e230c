"""The `tidegate` command: data on stdout, talk on stderr, stable exit codes, errors that end with
what to do.
"""
