"""How long each statement took, as a file of JSON lines: where the time of a turn goes.

Redshift has the same in `sys_query_history`. Off by default.
"""

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_MOST_TEXT = 400
"""Characters of a statement that are kept: its kind and its table come first."""


class StatementTimes:
    """One for all sessions. `path` None: nothing is written."""

    def __init__(self, path: Path | None = None) -> None:
        self._file: TextIO | None = None if path is None else path.open("a", buffering=1)
        self._numbers = itertools.count(1)

    def clock(self) -> "StatementClock":
        """The clock of a new session."""
        return StatementClock(self._file, next(self._numbers))


class StatementClock:
    """The times of one session's statements, each from its first message to its last answer."""

    def __init__(self, file: TextIO | None = None, session: int = 0) -> None:
        self._file = file
        self._session = session
        self._began: float | None = None
        self._text = ""
        self._planning = 0.0

    def begin(self) -> None:
        """A message has come; the first one of a statement begins it."""
        if self._began is None:
            self._began = time.monotonic()

    def is_of(self, text: str) -> None:
        """The statement's text."""
        self._text = text

    @contextmanager
    def planning(self) -> Iterator[None]:
        """Time that the stand-in takes to judge the statement, which no cluster takes."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._planning += time.monotonic() - began

    def end(self) -> None:
        """The statement is answered: write its line."""
        if self._file is not None and self._began is not None and self._text:
            line = {
                "session": self._session,
                "began": round(self._began, 4),
                "ended": round(time.monotonic(), 4),
                "planning": round(self._planning, 4),
                "bytes": len(self._text),
                "text": self._text[:_MOST_TEXT],
            }
            self._file.write(json.dumps(line) + "\n")
        self._began, self._text, self._planning = None, "", 0.0
