"""Words that people or other systems give, made safe to show: on a terminal, in a log, in a
page.
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: control, format (bidirectional marks among them), surrogate, line and
paragraph separator. https://www.unicode.org/reports/tr44/#General_Category_Values
"""


def printable(text: str, most: int | None = None) -> str:
    r"""The text on one line: what a terminal or a log would obey is spelled out, such as `\n` or
    `\u202e`.

    Args:
        text: From outside.
        most: Characters of the result; a longer one ends with "…". None = any length.
    """
    shown = text if text.isascii() and text.isprintable() else "".join(map(_shown, text))
    return shown if most is None or len(shown) <= most else f"{shown[: most - 1]}…"


def is_printable(text: str) -> bool:
    """True when the text may be shown as it is."""
    return printable(text) == text


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE:
        return character
    return character.encode("unicode_escape", errors="surrogatepass").decode("ascii")


Words = Annotated[str, AfterValidator(printable)]
"""A field for who, or why. It may hold anything when it comes in, and is shown to people later."""
