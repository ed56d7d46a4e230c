"""The tree of a SOQL statement, as written: nothing here knows an object or a field.

`at` is always the offset of the thing's first character in the text, so that an error can point
at it. It takes no part in equality: the same words at another place are the same tree.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class Subtotals(StrEnum):
    """The groups that a `GROUP BY` adds up further."""

    ROLLUP = "ROLLUP"
    """Those of every beginning of the list of fields."""
    CUBE = "CUBE"
    """Those of every choice of the fields."""


class LiteralKind(StrEnum):
    """The form of a literal; whether it suits a field is the compiler's question."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    DATE_WORD = "date word"


@dataclass(frozen=True, slots=True)
class FieldPath:
    """`Name`, `Account.Owner.Name`."""

    parts: tuple[str, ...]
    at: int = field(compare=False)

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """`COUNT()` (no argument), `SUM(Amount)`, `CALENDAR_YEAR(CreatedDate)`, `FIELDS(ALL)`."""

    name: str
    """In upper case."""
    arguments: "tuple[Expression | Literal, ...]"
    at: int = field(compare=False)

    @property
    def argument(self) -> "Expression | None":
        """The first one; None when there is none or when it is a literal."""
        first = self.arguments[0] if self.arguments else None
        return first if isinstance(first, FieldPath | FunctionCall) else None


Expression: TypeAlias = FieldPath | FunctionCall
COUNT_ROWS = FunctionCall("COUNT", (), 0)


@dataclass(frozen=True, slots=True)
class SelectItem:
    expression: Expression
    alias: str | None


@dataclass(frozen=True, slots=True)
class ChildQuery:
    """A parent-to-child subquery in the select list: `(SELECT Id FROM Contacts)`."""

    query: "Query"
    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class TypeCase:
    """`WHEN Account THEN Phone, Owner.Name` of a `TYPEOF`."""

    object_name: str
    fields: tuple[FieldPath, ...]
    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class TypeOf:
    """`TYPEOF What WHEN Account THEN Phone ELSE Name END` in the select list."""

    reference: FieldPath
    """The path to a polymorphic relationship."""
    cases: tuple[TypeCase, ...]
    otherwise: tuple[FieldPath, ...]
    """Fields of records of every other object; empty without an ELSE."""

    @property
    def at(self) -> int:
        return self.reference.at


@dataclass(frozen=True, slots=True)
class Literal:
    kind: LiteralKind
    text: str
    """As written, quotes and escapes included; a date word without its number."""
    at: int = field(compare=False)
    count: int | None = None
    """The 30 of `LAST_N_DAYS:30`."""


@dataclass(frozen=True, slots=True)
class Comparison:
    left: Expression
    operator: str
    """One of = != < <= > >= LIKE; `<>` has become `!=`."""
    right: Literal


@dataclass(frozen=True, slots=True)
class Membership:
    """`IN` and `NOT IN`, over literals or over a semi-join's one column."""

    left: Expression
    negated: bool
    members: "tuple[Literal, ...] | Query"


@dataclass(frozen=True, slots=True)
class Inclusion:
    """`INCLUDES` and (negated) `EXCLUDES` of a multi-select picklist."""

    left: Expression
    negated: bool
    members: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    operand: "Condition"


@dataclass(frozen=True, slots=True)
class AllOf:
    operands: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    operands: "tuple[Condition, ...]"


Condition: TypeAlias = Comparison | Membership | Inclusion | Negation | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class OrderItem:
    expression: Expression
    descending: bool
    nulls_last: bool
    """SOQL puts nulls first unless told otherwise, in both directions."""


@dataclass(frozen=True, slots=True)
class Way:
    """`c.Account a` of `FROM Contact c, c.Account a`: another name for the record of a parent."""

    alias: str
    path: FieldPath


@dataclass(frozen=True, slots=True)
class Query:
    select: tuple[SelectItem | ChildQuery | TypeOf, ...]
    object_name: str
    object_at: int = field(compare=False)
    alias: str | None = None
    ways: tuple[Way, ...] = ()
    where: Condition | None = None
    group_by: tuple[Expression, ...] = ()
    subtotals: Subtotals | None = None
    """None: only the groups themselves."""
    having: Condition | None = None
    order_by: tuple[OrderItem, ...] = ()
    limit: int | None = None
    """None means no limit; 0 asks for no row."""
    offset: int = 0
    offset_at: int = field(default=0, compare=False)
    all_rows: bool = False
    """`ALL ROWS`: deleted records too."""
    scope: str | None = None
    """The word of `USING SCOPE`, in lower case; None: everything."""
