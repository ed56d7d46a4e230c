"""The command line as a language: how help, groups and errors look, and which old spellings count."""
