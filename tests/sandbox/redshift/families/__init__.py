"""Families of statements that AWS' guide takes or excludes. Nothing here reads the stand-in's
rules: pages of the guide are the judge.
"""

from tests.sandbox.redshift.families import (
    changes,
    conditions,
    definitions,
    functions,
    loads,
    names,
    queries,
    sessions,
    tables,
    types,
    windows,
)
from tests.sandbox.redshift.families.family import Family

FAMILIES: tuple[Family, ...] = (
    *changes.FAMILIES,
    *conditions.FAMILIES,
    *definitions.FAMILIES,
    *functions.FAMILIES,
    *loads.FAMILIES,
    *names.FAMILIES,
    *queries.FAMILIES,
    *sessions.FAMILIES,
    *tables.FAMILIES,
    *types.FAMILIES,
    *windows.FAMILIES,
)
