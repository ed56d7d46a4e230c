"""sqlglot's Redshift dialect, made strict: functions keep their names, and nothing is guessed.

sqlglot turns known functions into classes of its own, whose PostgreSQL text has another meaning now
and then (GETDATE becomes CURRENT_TIMESTAMP). Here a function stays what the client wrote.
"""

import logging
import re
from functools import cache
from typing import Any, ClassVar

from sqlglot import TokenType, exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import SqlglotError
from sqlglot.parsers.redshift import RedshiftParser

from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules.rule import NOT_PARSED, gap

# it warns of each statement that it only keeps
logging.getLogger("sqlglot").setLevel(logging.ERROR)
APPROXIMATE = gap("approximate", "functions", "APPROXIMATE COUNT and APPROXIMATE PERCENTILE_DISC.", "r_COUNT")
_APPROXIMATE = re.compile(r"\bAPPROXIMATE\s+(?:COUNT|PERCENTILE_DISC)\b", re.IGNORECASE)
_CONVERT = re.compile(r"\bCONVERT\s*\(", re.IGNORECASE)
_KEPT = ("CAST", "EXTRACT", "TRIM", "POSITION", "SUBSTRING", "CONVERT", "TRY_CAST")


class StrictRedshift(Redshift):
    """Redshift without sqlglot's knowledge of functions. A type that sqlglot does not know keeps
    its name, for the rule of types.
    """

    SUPPORTS_USER_DEFINED_TYPES = True
    INDEX_OFFSET = 1
    """Of the leader node's arrays; values of SUPER, which count from 0, are a gap."""

    class Tokenizer(Redshift.Tokenizer):
        """`$1,$2` are parameters: sqlglot takes what is between two $ for the mark of a text."""

        HEREDOC_STRINGS: ClassVar[list[Any]] = []
        SINGLE_TOKENS: ClassVar[dict[str, Any]] = {
            **Redshift.Tokenizer.SINGLE_TOKENS,
            "$": TokenType.PARAMETER,
        }
        KEYWORDS: ClassVar[dict[str, Any]] = {
            word: kind for word, kind in Redshift.Tokenizer.KEYWORDS.items() if word != "BYTEA"
        }

    class Parser(RedshiftParser):
        """Calls stay `exp.Anonymous`, but for those with a syntax of their own."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parser for name, parser in RedshiftParser.FUNCTION_PARSERS.items() if name in _KEPT
        }


@cache
def _dialect() -> StrictRedshift:
    return StrictRedshift()


def parsed(text: str) -> exp.Expr:
    """The tree of one statement. Raises `RefusedError`."""
    dialect = _dialect()
    if approximate := _APPROXIMATE.search(text):
        raise RefusedError(APPROXIMATE, f"the stand-in has no {approximate[0]}")
    try:
        trees = dialect.parse(text)
    except (SqlglotError, RecursionError) as error:
        said = str(error).replace("\x1b[4m", "").replace("\x1b[0m", "")
        raise RefusedError(NOT_PARSED, f"syntax error: {said}") from error
    if len(trees) != 1 or trees[0] is None or isinstance(trees[0], exp.Command):
        raise RefusedError(NOT_PARSED, f"syntax error at or near {text[:60]!r}")
    return trees[0]


def is_same_text(text: str) -> bool:
    """True when nothing in the text itself means something else to PostgreSQL: a backslash is an
    escape in Redshift, and CONVERT(type, value) is a cast.
    """
    return "\\" not in text and not _CONVERT.search(text)


def postgres_text(tree: exp.Expr) -> str:
    """The statement for PostgreSQL."""
    return tree.sql(dialect=Postgres, comments=False)
