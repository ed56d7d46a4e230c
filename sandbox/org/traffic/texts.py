"""Texts of caseworkers: a few sentences, made once from a seed and then drawn from, because a draw
costs nothing.
"""

from random import Random

_SHORTEST, _LONGEST = 640, 990
"""Characters of a note; below 1,000 an update carries it whole, not as a diff."""
_NOTES = 1_500
_LINES_OF_LONG_TEXT = 22
_WHO = [
    "The applicant",
    "The household",
    "The representative",
    "The landlord",
    "The school",
    "The employer",
    "The clinic",
    "The caseworker",
    "The district office",
    "The legal guardian",
]
_DID = [
    "confirmed by telephone that",
    "wrote to say that",
    "stated at the interview that",
    "supplied evidence that",
    "was informed that",
    "asked us to record that",
    "disputes that",
    "accepted that",
    "could not show that",
    "reported again that",
]
_WHAT = [
    "the income declared for the quarter includes the winter supplement",
    "rent was paid in full until the end of the month",
    "two dependants moved into the household in September",
    "the previous award was suspended without notice",
    "travel costs to the training provider were not reimbursed",
    "the bank account on file has been closed",
    "the enrolment form was submitted before the deadline",
    "childcare is needed on three days of the week",
    "the assessment of the occupational therapist is outstanding",
    "the proof of residence was issued by another authority",
    "an advance of the housing element was already granted",
    "the heating has been out of order since the last inspection",
]
_NEXT = [
    "A reply is expected within {} working days.",
    "Reference {} of the correspondence register applies.",
    "Reviewed under section {} of the scheme rules.",
    "The amount at issue is {} euro.",
    "Next contact is planned in week {}.",
    "See document {} in the file.",
    "No further action before day {}.",
    "Decision letter {} will be sent by post.",
]


class Texts:
    """Notes to draw from."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 -- prose, not secrets
        self.notes = [self._note() for _ in range(_NOTES)]
        """Single paragraphs of 640 to 990 characters."""

    def sentence(self) -> str:
        pick = self._random.choice
        return (
            f"{pick(_WHO)} {pick(_DID)} {pick(_WHAT)}. {pick(_NEXT).format(self._random.randrange(1, 9_999))}"
        )

    def long_lines(self) -> list[str]:
        """A text of over 1,000 characters, line by line."""
        return [self.sentence() for _ in range(_LINES_OF_LONG_TEXT)]

    def _note(self) -> str:
        length = self._random.randrange(_SHORTEST, _LONGEST)
        text = self.sentence()
        while len(text) < length:
            text = f"{text} {self.sentence()}"
        return text[:length].rstrip()
