"""Why a text is no JSON, in the words of Jackson, which reads JSON for Salesforce: clients and
their users search for these sentences (the forms are seen in orgs; places are counted by line
and column).
"""

import json
from collections.abc import Callable
from typing import Any

NO_BODY = "The HTTP entity body is required, but this request has no entity body."
_WHOLE_WORD = 20


def parse_problem(body: bytes | str) -> str:
    """The sentence about the first place at which `body` is no JSON."""
    try:
        text = body.decode() if isinstance(body, bytes) else body
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        where = "start" if error.reason == "invalid start byte" else "middle"
        return f"Invalid UTF-8 {where} byte 0x{error.object[error.start]:x}{_place(before)}"
    if not text.strip():
        return NO_BODY
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return _problem(text, error)
    except (_ConstantError, RecursionError) as error:
        word = error.args[0] if isinstance(error, _ConstantError) else "nesting"
        return f"Non-standard token '{word}': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow"
    return f"Illegal character in a string value{_place('')}"


def told(value: Any) -> str:
    """A value of a body as a sentence shows it: as it is in JSON, texts without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _ConstantError(Exception):
    """NaN or Infinity, which JSON has not."""


def _refuse_constant(name: str) -> Any:
    raise _ConstantError(name)


def _problem(text: str, error: json.JSONDecodeError) -> str:
    at = error.pos
    kind, _, _ = error.msg.partition(" at")
    if kind.startswith("Unterminated string"):
        return f"Unexpected end-of-input in VALUE_STRING{_place(text)}"
    if at >= len(text.rstrip()):
        inside, opened = _open_bracket(text)
        return (
            f"Unexpected end-of-input: expected close marker for {inside} "
            f"(from{_place(text[:opened]).removeprefix(' at')}){_place(text)}"
        )
    word = _Word(text, at)
    said = _BY_KIND.get(
        kind, _unexpected("expected a valid value (number, String, array, object, 'true', 'false' or 'null')")
    )
    return f"{said(word)}{_place(text[: at + 1])}"


class _Word:
    """The place of a problem."""

    def __init__(self, text: str, at: int) -> None:
        self.character = text[at]
        self.inside = _open_bracket(text[:at])[0]
        rest = text[at : at + _WHOLE_WORD]
        length = next((place for place, each in enumerate(rest) if not each.isalnum()), len(rest))
        self.whole = rest[:length]


def _unexpected(wanted: str) -> Callable[[_Word], str]:
    def say(word: _Word) -> str:
        character = word.character
        return f"Unexpected character ('{character}' (code {ord(character)})): {wanted.format(word.inside)}"

    return say


def _value_expected(word: _Word) -> str:
    if word.character.isalpha():
        return f"Unrecognized token '{word.whole}': was expecting 'null', 'true', 'false' or NaN"
    return _unexpected("expected a valid value (number, String, array, object, 'true', 'false' or 'null')")(
        word
    )


def _control(word: _Word) -> str:
    return (
        f"Illegal unquoted character ((CTRL-CHAR, code {ord(word.character)})): has to be escaped using backslash "
        "to be included in string value"
    )


_NAME = _unexpected("was expecting double-quote to start field name")
_BY_KIND: dict[str, Callable[[_Word], str]] = {
    "Expecting value": _value_expected,
    "Expecting property name enclosed in double quotes": _NAME,
    "Illegal trailing comma before end of object": _NAME,
    "Expecting ',' delimiter": _unexpected("was expecting comma to separate {} entries"),
    "Expecting ':' delimiter": _unexpected("was expecting a colon to separate field name and value"),
    "Extra data": _unexpected("was expecting end of input after {} value"),
    "Invalid control character": _control,
}


def _open_bracket(text: str) -> tuple[str, int]:
    """The kind of bracket that is open at the end of `text`, and its place; ROOT at 0 when
    nothing is.
    """
    opened: list[int] = []
    in_string = escaped = False
    for at, character in enumerate(text):
        if in_string:
            in_string = escaped or character != '"'
            escaped = not escaped and character == "\\"
        elif character == '"':
            in_string = True
        elif character in "{[":
            opened.append(at)
        elif character in "}]" and opened:
            opened.pop()
    if not opened:
        return "ROOT", 0
    return ("OBJECT" if text[opened[-1]] == "{" else "ARRAY"), opened[-1]


def _place(before: str) -> str:
    line = before.count("\n") + 1
    return f" at [line:{line}, column:{len(before) - (before.rfind(chr(10)) + 1)}]"
