"""Large text diffs: how Salesforce sends an update of a long text, and how the new text is made
from the old.

Change Data Capture Developer Guide, "Change Events for Large Text Fields": a unified diff
without context, whose `+++` line carries the SHA-256 of the text before the change. The hash
makes a wrong base visible: then the new text is unknown, and says so, rather than wrong.
"""

import hashlib
import re

_BREAK = re.compile(r"(\r\n|\r|\n)")
_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class DiffMismatchError(ValueError):
    """The diff was not made against this base text."""


def apply_diff(base: str | None, diff: str) -> str:
    """The text after `diff`, given the text before; raises `DiffMismatchError` when they do not
    belong together.
    """
    before = base or ""
    if _hash(before) != _hash_of_base(diff):
        raise DiffMismatchError("the stored text is not the one that the diff was made against")
    return _patched(before, diff, _FORTH)


def holds_diff(text: str | None, diff: str) -> bool:
    """True when `text` is what `diff` makes of its base: taking the diff out of it gives the text
    with the base's hash.
    """
    try:
        return _hash(_patched(text or "", diff, _BACK)) == _hash_of_base(diff)
    except DiffMismatchError:
        return False


_FORTH, _BACK = "-+", "+-"
"""The signs of lines that go and of lines that come."""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _hash_of_base(diff: str) -> str:
    lines = diff.split("\n", 2)
    return lines[1].removeprefix("+++ ").strip() if len(lines) > 1 else ""


def _patched(before: str, diff: str, signs: str) -> str:
    lines = diff.split("\n")
    old = _split(before)
    result: list[_Line] = []
    place = 0
    index = 2
    while index < len(lines):
        hunk = _HUNK.match(lines[index])
        if hunk is None:
            raise DiffMismatchError(f"line {index + 1} of the diff is no hunk")
        index += 1
        sides = [(int(hunk[1]), _count(hunk[2])), (int(hunk[3]), _count(hunk[4]))]
        (first, removed), (_, added) = sides if signs == _FORTH else reversed(sides)
        # A hunk that removes nothing names the line after which it adds.
        start = first - (1 if removed else 0)
        result += old[place:start]
        taken = lines[index : index + removed + added]
        gone = [line[1:] for line in taken if line.startswith(signs[0])]
        come = [(line[1:], "") for line in taken if line.startswith(signs[1])]
        if (
            [line for line, _ in old[start : start + removed]] != gone
            or len(gone) != removed
            or len(come) != added
        ):
            raise DiffMismatchError("a removed line is not in the stored text, or the diff is cut short")
        result += come
        place = start + removed
        index += removed + added
    return _joined(result + old[place:], _style(old))


_Line = tuple[str, str]
"""A line and the break that ends it; "" for a text's last line and for a line that comes from a
diff.
"""


def _split(text: str) -> list[_Line]:
    """Lines as Salesforce counts them: a text typed in a browser has CR LF, one from an API may
    have any break.
    """
    pieces = [*_BREAK.split(text), ""]
    return list(zip(pieces[::2], pieces[1::2], strict=True))


def _style(lines: list[_Line]) -> str:
    """The break that new lines take. A diff does not say which they have, so they follow the text's
    first.
    """
    return next((end for _, end in lines if end), "\n")


def _joined(lines: list[_Line], style: str) -> str:
    last = len(lines) - 1
    return "".join(line if n == last else line + (end or style) for n, (line, end) in enumerate(lines))


def _count(text: str | None) -> int:
    return 1 if text is None else int(text)
