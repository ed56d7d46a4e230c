"""Mutation testing: `make mutants`. What survives shows an assertion that is missing."""
