"""Run one check, so that one remote's silence hides nothing of the others: each has its time, and
no answer is `not_asked`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from schemas.doctor import CHECK_SECONDS, TOTAL_SECONDS, CheckResult, not_asked
from schemas.errors import BudgetSpentError, TidegateError, UnavailableError

_AGAIN = "Fix what the sentence names, then run `tidegate doctor` again."


class DoctorDeadline:
    """When a whole look must be over, on the process's own clock."""

    def __init__(self, seconds: float = TOTAL_SECONDS, *, each: float = CHECK_SECONDS) -> None:
        """`seconds` for all questions, `each` for one of them."""
        self._ends, self._each = time.monotonic() + seconds, each

    def left(self, most: float | None = None) -> float:
        """Seconds that one question may take now. `most` None = as long as each."""
        return max(0.0, min(self._each if most is None else most, self._ends - time.monotonic()))


async def asked(
    check: str,
    ask: Callable[[], Awaitable[Sequence[CheckResult]]],
    deadline: DoctorDeadline,
    *,
    where: str = "",
    most: float | None = None,
) -> list[CheckResult]:
    """The findings of `ask`. Raises nothing: a failure, or no answer within `most` seconds, is one
    finding that is unknown. `most` None = the deadline's time for each question.
    """
    limit = deadline.left(most)
    try:
        async with asyncio.timeout(limit):
            return list(await ask())
    except TimeoutError:
        return [
            not_asked(check, f"no answer within {limit:.0f} s", f"See that it answers. {_AGAIN}", where=where)
        ]
    except BudgetSpentError as error:
        return [
            not_asked(
                check, str(error), "Wait for the budget: `tidegate budget` says until when.", where=where
            )
        ]
    except UnavailableError as error:  # its own sentence promises that a step is tried again
        return [not_asked(check, f"{error.system} is unavailable: {error.detail}", _AGAIN, where=where)]
    except TidegateError as error:
        return [not_asked(check, str(error), _AGAIN, where=where)]
    except Exception as error:  # a fault of one check must not hide what the others find
        told = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
        return [
            not_asked(
                check, told, f"Report it, unless the sentence says what is amiss. {_AGAIN}", where=where
            )
        ]
