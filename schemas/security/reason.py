"""Why an operator acts, and who says so: free texts that go on record, and nowhere else."""

from typing import Annotated

from pydantic import AfterValidator, Field

SHORTEST_REASON, LONGEST_REASON = 3, 1_000
"""Characters."""
LONGEST_ACTOR = 255
"""Characters of `by`: as long as the audit log's column."""


def one_line(text: str) -> str:
    """The text, if it has no control characters: they could forge a line of a log or a terminal.

    Raises:
        ValueError: It has one.
    """
    if not text.isprintable():
        raise ValueError("it holds a line break or another control character; write it in one line")
    return text


OneLine = Annotated[str, AfterValidator(one_line)]
ReasonText = Annotated[OneLine, Field(max_length=LONGEST_REASON)]
GivenReason = Annotated[ReasonText, Field(min_length=SHORTEST_REASON)]
