"""A place in a statement's tokens, for statements whose syntax sqlglot does not know."""

from decimal import Decimal

from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules.lexer import Statement, Token, TokenKind
from sandbox.redshift.rules.names import check_name
from sandbox.redshift.rules.rule import NOT_PARSED, Rule
from sandbox.redshift.rules.words import RESERVED

_WITHOUT_NEW_NAMES = ("care", "session", "cursors", "loads", "transactions")
"""Families in which a reserved word is a clause that is not taken, rather than somebody's name."""


class Cursor:
    """Reads from the first token to the last one."""

    def __init__(self, statement: Statement, rule: Rule = NOT_PARSED) -> None:
        self._statement = statement
        self._tokens = statement.tokens
        self._text = statement.text
        self._start = statement.tokens[0].start
        self.place = 0
        self.rule = rule
        """Of what cannot stand where it stands."""

    @property
    def is_at_end(self) -> bool:
        return self.place >= len(self._tokens)

    @property
    def word(self) -> str:
        """The present token in capitals; empty for a text, a quoted name, and at the end."""
        return self._statement.word(self.place)

    def token(self) -> Token:
        if self.is_at_end:
            raise RefusedError(self.rule, "syntax error at end of input")
        return self._tokens[self.place]

    def fail(self) -> RefusedError:
        """The refusal of the present token."""
        shown = "end of input" if self.is_at_end else f'"{self.token().text}"'
        return RefusedError(self.rule, f"syntax error at or near {shown}")

    def take(self, *words: str) -> bool:
        """Step over these words when they all stand here."""
        if all(self._statement.word(self.place + place) == word for place, word in enumerate(words)):
            self.place += len(words)
            return True
        return False

    def need(self, *words: str) -> None:
        for word in words:
            if not self.take(word):
                raise self.fail()

    def one_of(self, *words: str) -> str:
        """Step over one of the words and return it; empty when none stands here."""
        for word in words:
            if self.take(word):
                return word
        return ""

    def name(self) -> str:
        """An identifier, checked, as PostgreSQL writes it."""
        token = self.token()
        is_quoted = token.kind is TokenKind.QUOTED
        if not (is_quoted or token.kind is TokenKind.WORD) or not token.text:
            raise self.fail()
        if self.rule.family in _WITHOUT_NEW_NAMES and token.text.lower() in RESERVED and not is_quoted:
            raise self.fail()
        check_name(token.text, is_quoted=is_quoted)
        self.place += 1
        # a quoted name as well: enable_case_sensitive_identifier is off
        folded = token.text.lower()
        return '"' + folded.replace('"', '""') + '"'

    def dotted(self) -> str:
        """`schema.name` or `name`; `database.schema.name` is cut."""
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        if len(parts) > 3:
            raise self.fail()
        return ".".join(parts[-2:])

    def names(self) -> tuple[str, ...]:
        """A list of identifiers in parentheses."""
        self.need("(")
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        self.need(")")
        return tuple(found)

    def text(self) -> str:
        token = self.token()
        if token.kind is not TokenKind.TEXT:
            raise self.fail()
        self.place += 1
        return token.text

    def number(self) -> int:
        token = self.token()
        if token.kind is not TokenKind.NUMBER or not token.text.isdigit():
            raise self.fail()
        self.place += 1
        return int(token.text)

    def decimal(self) -> Decimal:
        token = self.token()
        if token.kind is not TokenKind.NUMBER:
            raise self.fail()
        self.place += 1
        return Decimal(token.text)

    def rest(self) -> str:
        """The statement's text from here to its end."""
        return self.between(self.place, len(self._tokens))

    def between(self, first: int, last: int) -> str:
        """The text of the tokens from `first` up to, without, `last`."""
        if first >= last:
            return ""
        begin, end = self._tokens[first].start - self._start, self._tokens[last - 1].end + 1 - self._start
        return self._text[begin:end]

    def expression(self, *stops: str) -> str:
        """The text of an expression: up to one of the words, a comma or a closing parenthesis at
        this depth, or the end.
        """
        first, depth = self.place, 0
        while not self.is_at_end:
            word = self.word
            if depth == 0 and (word in (",", ")") or (word in stops and self.place > first)):
                break
            depth += {"(": 1, ")": -1}.get(word, 0)
            self.place += 1
        return self.between(first, self.place)

    def end(self) -> None:
        if not self.is_at_end:
            raise self.fail()
