"""What AWS' guide takes and excludes, as families of statements. Nothing here reads the stand-in's
rules: pages of the guide are the judge.
"""

from tests.sandbox.redshift.families import definitions, expressions, functions, names, queries, sessions
from tests.sandbox.redshift.families.family import Family

FAMILIES: tuple[Family, ...] = (
    *names.FAMILIES,
    *functions.FAMILIES,
    *expressions.FAMILIES,
    *queries.FAMILIES,
    *definitions.FAMILIES,
    *sessions.FAMILIES,
)
