"""Words, names, texts and signs of a statement.

sqlglot's own tokens join words (PRIMARY KEY) and swallow what it does not know; these are plain.
"""

import enum
import re
from dataclasses import dataclass

from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules.rule import NOT_PARSED, UNSUPPORTED, rule

DOLLAR_QUOTES = rule(
    "dollar-quotes",
    "statements",
    "Dollar quotation marks enclose bodies of procedures and functions alone.",
    "r_CREATE_PROCEDURE",
    UNSUPPORTED,
)


class TokenKind(enum.Enum):
    """The kind of a token."""

    WORD = "word"
    QUOTED = "name in quotation marks"
    TEXT = "text"
    NUMBER = "number"
    SIGN = "sign"


@dataclass(frozen=True)
class Token:
    """One token; `text` without quotation marks, `start` and `end` of its place in the whole."""

    kind: TokenKind
    text: str
    start: int
    end: int
    """Of the last character."""


# Every character beyond ASCII belongs to a name:
# https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
_PATTERN = re.compile(
    r"""(?P<blank>[ \t\r\n\f\v]+|--[^\n]*|/\*.*?\*/)
      | (?P<text>'(?:[^'\\]|''|\\.)*')
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*|\#[\w$]+)
      | (?P<sign>\$\d+|\$\$|\$\w+\$|::|.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)|''", re.DOTALL)
_MEANINGS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


@dataclass(frozen=True)
class Statement:
    """One statement: its text without the semicolon, and its tokens."""

    text: str
    tokens: tuple[Token, ...]

    def word(self, place: int) -> str:
        """The token there, in capitals; empty beyond the end and for a text or a quoted name."""
        if place >= len(self.tokens) or self.tokens[place].kind in (TokenKind.TEXT, TokenKind.QUOTED):
            return ""
        return self.tokens[place].text.upper()


def split(text: str) -> list[Statement]:
    """The statements of a text; comments and empty ones are left out. Raises `RefusedError`."""
    found: list[Statement] = []
    present: list[Token] = []
    for token in tokens_of(text):
        if token.kind is TokenKind.SIGN and token.text == ";":
            if present:
                found.append(_statement(text, present))
            present = []
        else:
            present.append(token)
    return [*found, _statement(text, present)] if present else found


def _statement(text: str, tokens: list[Token]) -> Statement:
    return Statement(text[tokens[0].start : tokens[-1].end + 1], tuple(tokens))


def tokens_of(text: str) -> list[Token]:
    """Every token but blanks and comments."""
    found = []
    for match in _PATTERN.finditer(text):
        kind, start, end = match.lastgroup, match.start(), match.end() - 1
        if kind == "blank":
            continue
        shown = match.group()
        if kind == "sign":
            if shown in ("'", '"'):
                raise RefusedError(
                    NOT_PARSED, f"unterminated quoted string at or near {text[start : start + 20]!r}"
                )
            if shown.endswith("$"):
                raise RefusedError(DOLLAR_QUOTES, f"syntax error at or near {shown!r}")
        if kind == "text":
            shown = _ESCAPED.sub(
                lambda each: _MEANINGS.get(each[1], each[1]) if each[1] else "'", shown[1:-1]
            )
        elif kind == "quoted":
            shown = shown[1:-1].replace('""', '"')
        found.append(Token(_KINDS[str(kind)], shown, start, end))
    return found


_KINDS = {
    "text": TokenKind.TEXT,
    "quoted": TokenKind.QUOTED,
    "number": TokenKind.NUMBER,
    "word": TokenKind.WORD,
    "sign": TokenKind.SIGN,
}
