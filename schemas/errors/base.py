"""The three roots of the tree."""

from datetime import timedelta
from typing import ClassVar


class TidegateError(Exception):
    """Base of every error of ours."""

    code: ClassVar[str] = "TidegateError"
    """The type of the failure in Temporal's histories. It is stored: it stays when the class is
    renamed.
    """


class TransientError(TidegateError):
    """Trying again may help."""

    code = "TransientError"
    retry_after: timedelta | None = None
    """No sooner than that; None = the caller that tries again decides."""
    is_expected: ClassVar[bool] = False
    """True: part of normal work, so nobody needs to look. Temporal counts it as no failure, and the
    log has a line of level INFO.
    """


class TerminalError(TidegateError):
    """Trying again cannot help."""

    code = "TerminalError"
