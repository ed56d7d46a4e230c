"""SOQL text to tree. A text that Salesforce refuses is refused here, or in the compiler, never
passed on to SQLite.
"""

from functools import lru_cache
from importlib.resources import files
from typing import Any, TypeAlias, cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from sandbox.org.soql.errors import PlacedSoqlError, SoqlError, pointer, unexpected_end, unexpected_token
from sandbox.org.soql.nodes import (
    AllOf,
    AnyOf,
    ChildQuery,
    Comparison,
    Condition,
    Expression,
    FieldPath,
    FunctionCall,
    Inclusion,
    Literal,
    LiteralKind,
    Membership,
    Negation,
    OrderItem,
    Query,
    SelectItem,
    Subtotals,
    TypeCase,
    TypeOf,
    Way,
)
from schemas.salesforce.limits import SOQL_MAX_CHARACTERS

_KINDS = {
    "STRING": LiteralKind.STRING,
    "NUMBER": LiteralKind.NUMBER,
    "TRUE": LiteralKind.BOOLEAN,
    "FALSE": LiteralKind.BOOLEAN,
    "NULL": LiteralKind.NULL,
    "DATE": LiteralKind.DATE,
    "DATETIME": LiteralKind.DATETIME,
    "TIME": LiteralKind.TIME,
    "PATH": LiteralKind.DATE_WORD,
}


MAX_SUBTOTALLED = 3
"""Fields of a ROLLUP or a CUBE (SOQL and SOSL Reference, "GROUP BY ROLLUP", "GROUP BY CUBE")."""
_ADDING = frozenset(Subtotals)
_Selected: TypeAlias = SelectItem | ChildQuery | TypeOf


def _at(token: Token) -> int:
    return token.start_pos or 0


def _require_word(word: Token, *allowed: str) -> None:
    if word.upper() not in allowed:
        raise unexpected_token(str(word), at=_at(word))


@v_args(inline=True)
class _TreeBuilder(Transformer[Token, Query]):
    """Each method is named after a rule of soql.lark and gets the rule's parts in order."""

    def start(self, query: Query) -> Query:
        return query

    def field(self, path: Token) -> FieldPath:
        return FieldPath(tuple(path.split(".")), _at(path))

    def function(self, name: Token, *arguments: Expression | Literal | None) -> FunctionCall:
        return FunctionCall(name.upper(), tuple(each for each in arguments if each is not None), _at(name))

    def written(self, token: Token) -> Literal:
        return Literal(_KINDS[token.type], str(token), _at(token))

    def paths(self, *paths: Token) -> tuple[FieldPath, ...]:
        return tuple(self.field(path) for path in paths)

    def type_case(self, name: Token, fields: tuple[FieldPath, ...]) -> TypeCase:
        return TypeCase(str(name), fields, _at(name))

    def type_of(self, reference: Token, *parts: TypeCase | tuple[FieldPath, ...] | None) -> TypeOf:
        cases = tuple(part for part in parts if isinstance(part, TypeCase))
        otherwise = next((part for part in parts if isinstance(part, tuple)), ())
        return TypeOf(self.field(reference), cases, otherwise)

    def select_item(self, expression: Expression, alias: Token | None) -> SelectItem:
        return SelectItem(expression, None if alias is None else str(alias))

    def child_query(self, query: Query) -> ChildQuery:
        return ChildQuery(query, query.object_at)

    def select_items(self, *items: _Selected) -> tuple[_Selected, ...]:
        return items

    def alias(self, name: Token) -> str:
        return str(name)

    def way(self, path: Token, name: Token) -> Way:
        return Way(str(name), FieldPath(tuple(path.split(".")), _at(path)))

    def ways(self, *ways: Way) -> tuple[Way, ...]:
        return ways

    def scope(self, name: Token) -> str:
        return name.lower()

    def where(self, condition: Condition) -> Condition:
        return condition

    having = where

    def all_of(self, *operands: Condition) -> AllOf:
        return AllOf(operands)

    def any_of(self, *operands: Condition) -> AnyOf:
        return AnyOf(operands)

    def negation(self, operand: Condition) -> Negation:
        return Negation(operand)

    def comparison(self, left: Expression, operator: Token, right: Literal) -> Comparison:
        word = operator.upper()
        return Comparison(left, "!=" if word == "<>" else word, right)

    def membership(
        self, left: Expression, operator: Token, members: tuple[Literal, ...] | Query
    ) -> Membership:
        return Membership(left, operator.type == "NOT_IN", members)

    def inclusion(self, left: Expression, operator: Token, members: tuple[Literal, ...] | Query) -> Inclusion:
        if isinstance(members, Query):
            raise unexpected_token("SELECT", at=members.object_at)
        return Inclusion(left, operator.type == "EXCLUDES", members)

    def value_list(self, *values: Literal) -> tuple[Literal, ...]:
        return values

    def semi_join(self, query: Query) -> Query:
        return query

    def value(self, token: Token, count: Token | None = None) -> Literal:
        number = None if count is None else int(count)
        return Literal(_KINDS[token.type], str(token), _at(token), number)

    def group_by(self, *expressions: Expression) -> tuple[tuple[Expression, ...], Subtotals | None]:
        adding = [each for each in expressions if isinstance(each, FunctionCall) and each.name in _ADDING]
        if not adding:
            return expressions, None
        [call, *_] = adding
        if len(expressions) > 1:
            detail = f"GROUP BY {call.name} cannot be combined with other fields to group by"
            raise PlacedSoqlError("MALFORMED_QUERY", detail, at=call.at)
        fields = tuple(each for each in call.arguments if not isinstance(each, Literal))
        if not fields or len(fields) < len(call.arguments) or len(fields) > MAX_SUBTOTALLED:
            detail = f"GROUP BY {call.name} takes one to {MAX_SUBTOTALLED} fields"
            raise PlacedSoqlError("MALFORMED_QUERY", detail, at=call.at)
        return fields, Subtotals(call.name)

    def order_by(self, *items: OrderItem) -> tuple[OrderItem, ...]:
        return items

    def order_item(self, expression: Expression, direction: Token | None, nulls: Token | None) -> OrderItem:
        return OrderItem(
            expression,
            descending=direction is not None and direction.type == "DESC",
            nulls_last=nulls is not None and nulls.type == "NULLS_LAST",
        )

    def limit(self, count: Token) -> int:
        return int(count)

    def offset(self, count: Token) -> tuple[int, int]:
        return int(count), _at(count)

    def with_mode(self, mode: Token) -> None:
        # The user of the API sees every field and record here, so each of these modes gives the
        # same rows.
        _require_word(mode, "SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE")

    def for_view(self, *purposes: Token) -> None:
        for purpose in purposes:
            _require_word(purpose, "VIEW", "REFERENCE", "UPDATE")

    def update_stat(self, *words: Token) -> None:
        for word in words:
            _require_word(word, "TRACKING", "VIEWSTAT")

    def query(self, *parts: Any) -> Query:
        (
            select,
            name,
            alias,
            ways,
            scope,
            where,
            _with,
            group,
            having,
            order,
            limit,
            offset,
            _for,
            _stat,
            all_rows,
        ) = parts
        start, start_at = offset or (0, 0)
        grouped, subtotals = group or ((), None)
        return Query(
            select=select,
            object_name=str(name),
            object_at=_at(name),
            alias=alias,
            ways=ways or (),
            where=where,
            group_by=grouped,
            subtotals=subtotals,
            having=having,
            order_by=order or (),
            limit=limit,
            offset=start,
            offset_at=start_at,
            all_rows=all_rows is not None,
            scope=scope,
        )


_LARK = Lark(
    files("sandbox.org.soql").joinpath("soql.lark").read_text(encoding="utf-8"),
    parser="lalr",
    maybe_placeholders=True,
    transformer=_TreeBuilder(),
    cache=True,
)
"""The tables are kept in the temporary folder under the grammar's checksum: to make them takes over
a second, to read them 70 ms.
"""


@lru_cache(maxsize=256)
def parse(text: str) -> Query:
    """The tree of `text`; raises `SoqlError` (MALFORMED_QUERY) for what is no SOQL.

    At most `SOQL_MAX_CHARACTERS` are taken (SOQL and SOSL Limits).
    """
    if not text.strip():
        raise SoqlError("MALFORMED_QUERY", "A query string has to be specified")
    if len(text) > SOQL_MAX_CHARACTERS:
        raise SoqlError("QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100000 characters.")
    try:
        return _LARK.parse(text)  # type: ignore[return-value]  # Lark types its result as the untransformed tree
    except UnexpectedToken as error:
        if error.token.type == "$END":
            raise unexpected_end() from None
        raise unexpected_token(str(error.token), at=_at(error.token)).in_text(text) from None
    except UnexpectedCharacters as error:
        raise _unexpected_character(text, cast("int", error.pos_in_stream)) from None
    except PlacedSoqlError as error:
        raise error.in_text(text) from None
    except VisitError as error:
        if isinstance(error.orig_exc, PlacedSoqlError):
            raise error.orig_exc.in_text(text) from None
        raise


def _unexpected_character(text: str, at: int) -> SoqlError:
    """A word in a wrong place is a wrong token; anything else is a character that begins none."""
    rest = text[at:]
    word = rest.split(maxsplit=1)[0].rstrip(",)") if rest else ""
    if word[:1].isalnum() or word[:1] == "_":
        return unexpected_token(word, at=at).in_text(text)
    row = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1)
    shown = "<EOF>" if not rest else rest[0]
    return SoqlError(
        "MALFORMED_QUERY",
        f"{pointer(text, at)}\nline {row}:{column} no viable alternative at character '{shown}'",
    )
