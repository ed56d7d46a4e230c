"""The refusals of SOQL, worded as Salesforce words them.

Clients match on the code and people read the caret, so both are part of the contract: a message
that concerns a place in the query shows the words around it, a caret under it, and `ERROR at
Row:1:Column:8`.
"""

from sandbox.org.errors import SalesforceError

SNIPPET_BEFORE = 40
SNIPPET_AFTER = 30
"""Characters of the query shown on either side of the place; Salesforce shows a window too, not the
whole query.
"""

_LOOK_UP = "Please reference your WSDL or the describe call for the appropriate names."


class SoqlError(SalesforceError):
    """A query that Salesforce refuses with HTTP 400."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


class PlacedSoqlError(SoqlError):
    """A refusal that points into the query; `at` is the offset of the offending character, from
    0.
    """

    def __init__(self, code: str, detail: str, *, at: int) -> None:
        self.detail = detail
        self.at = at
        super().__init__(code, detail)

    def in_text(self, text: str) -> SoqlError:
        """The error as the client sees it, once the text is known."""
        return SoqlError(self.code, f"{pointer(text, self.at)}\n{self.detail}")


def pointer(text: str, at: int) -> str:
    """The words around `at`, the caret and the row and column (both from 1)."""
    row = text.count("\n", 0, at) + 1
    line_start = text.rfind("\n", 0, at) + 1
    line_end = text.find("\n", at)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    column = at - line_start
    start = max(0, column - SNIPPET_BEFORE)
    snippet = line[start : column + SNIPPET_AFTER]
    return f"\n{snippet}\n{' ' * (column - start)}^\nERROR at Row:{row}:Column:{column + 1}"


def unexpected_token(token: str, *, at: int) -> PlacedSoqlError:
    return PlacedSoqlError("MALFORMED_QUERY", f"unexpected token: '{token}'", at=at)


def unexpected_end() -> SoqlError:
    return SoqlError("MALFORMED_QUERY", "unexpected token: '<EOF>'")


def no_such_object(name: str, *, at: int) -> PlacedSoqlError:
    return PlacedSoqlError(
        "INVALID_TYPE",
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append "
        f"the '__c' after the entity name. {_LOOK_UP}",
        at=at,
    )


def no_such_field(name: str, *, entity: str, at: int) -> PlacedSoqlError:
    return PlacedSoqlError(
        "INVALID_FIELD",
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure to append "
        f"the '__c' after the custom field name. {_LOOK_UP}",
        at=at,
    )


def no_such_relationship(name: str, *, at: int) -> PlacedSoqlError:
    return PlacedSoqlError(
        "INVALID_FIELD",
        f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, be "
        f"sure to append the '__r' after the custom relationship name. {_LOOK_UP}",
        at=at,
    )


def no_such_child(name: str, *, at: int) -> PlacedSoqlError:
    return PlacedSoqlError(
        "INVALID_TYPE",
        f"Didn't understand relationship '{name}' in FROM part of query call. If you are attempting to use a custom "
        f"relationship, be sure to append the '__r' after the custom relationship name. {_LOOK_UP}",
        at=at,
    )


def wrong_literal(field: str, wanted: str, *, quoted: bool, at: int) -> PlacedSoqlError:
    """`wanted` is the field's type; `quoted` says whether its literals stand in quotes."""
    advice = "should be enclosed in quotes" if quoted else "should not be enclosed in quotes"
    return PlacedSoqlError(
        "INVALID_FIELD",
        f"value of filter criterion for field '{field}' must be of type {wanted} and {advice}",
        at=at,
    )


def cannot(field: str, verb: str, *, at: int) -> PlacedSoqlError:
    """A long text or a compound may not be filtered, sorted or grouped by."""
    code = "INVALID_FIELD" if verb == "filtered" else "MALFORMED_QUERY"
    return PlacedSoqlError(code, f"field '{field}' can not be {verb} in a query call", at=at)
