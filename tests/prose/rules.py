"""The wordings that are not used here, each with a better one."""

import re
from dataclasses import dataclass

from tests.prose.passages import Kind, Passage


@dataclass(frozen=True, slots=True)
class Wording:
    """A pattern to avoid."""

    pattern: re.Pattern[str]
    better: str
    kinds: frozenset[Kind] = frozenset(Kind)


def _word(pattern: str, better: str) -> Wording:
    return Wording(re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), better)


def _first(pattern: str, better: str) -> Wording:
    return Wording(re.compile(rf"\A\s*(?:{pattern})\b(?![^.]*\?)"), better, frozenset({Kind.DOCSTRING}))


WORDINGS = (
    _word("anew", "again, or from the start"),
    _word("for ever", "forever, or permanently"),
    _word("at the (?:most|least)", "at most, at least"),
    _word("(?:is|are|was|were|be|been|being|not|still) told", "receives, is notified, is reported"),
    _word("of late", "recently"),
    _word(r"besides(?=\s*(?:[.,;:)]|$))", "also, in addition"),
    _word("(?<!for )so long(?! that| as)", "this long, or the duration by name"),
    _word("whoever|whomever", "the caller, the process, anyone who"),
    _word("it is said|as is said|is said (?:by|in|to|of|that)", "states, describes"),
    _word("stands? there", "exists, is present"),
    _word("(?:comes?|came) again", "retries, recurs"),
    _word("(?:gets?|got) no further", "makes no progress"),
    _word("given up for", "abandoned after"),
    _word("in clear", "in plaintext"),
    _word("wherefrom|thereof|therein|hitherto|thereby|whereof|wherein", "a plain relative clause"),
    _word("mend|mends|mended|mending", "fix, repair, correct"),
    _word("trouble|troubles", "problem, failure, fault"),
    _word("in hand", "open, in progress"),
    _word("told apart", "distinguished"),
    _first("What|Whoever|That which|Those that|Such", "the verb and its object, or the noun"),
)
"""Applied to every passage of the kinds that a wording names."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A passage that a wording matches."""

    passage: Passage
    found: str
    better: str


def findings(passage: Passage) -> list[Finding]:
    """Matches of `WORDINGS` in `passage`, the first of each; code in backticks is left out."""
    text = re.sub(r"`[^`]*`|\]\([^)]*\)|\"\w+\"", "``", passage.text)
    return [
        Finding(passage, match[0].strip(), wording.better)
        for wording in WORDINGS
        if passage.kind in wording.kinds and (match := wording.pattern.search(text))
    ]
