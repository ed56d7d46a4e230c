"""A page's parts: each is asked for by itself, so that one silent remote leaves the rest to be
seen.

What could not be asked is unknown, with the reason, and is never shown as good (law 11).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from temporalio.service import RPCError

from schemas.errors import TidegateError, UnavailableError

_LOG = logging.getLogger(__name__)
PATIENCE_SECONDS = 5.0
"""For one part of a page."""

T = TypeVar("T")


@dataclass(frozen=True)
class Asked(Generic[T]):
    """A part of a page, or why it is not known."""

    name: str
    value: T | None
    at: datetime
    """When it was asked."""
    why: str = ""
    """Why `value` is None; empty when it is not."""

    @property
    def is_known(self) -> bool:
        """False: show it as unknown."""
        return not self.why

    @property
    def known(self) -> T:
        """The value of a part that is known."""
        if self.value is None:
            raise LookupError(self.name)
        return self.value


async def ask(name: str, question: Awaitable[T]) -> Asked[T]:
    """The answer to a question within `PATIENCE_SECONDS`."""
    at = datetime.now(UTC)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return Asked(name, await question, at)
    except TimeoutError:
        why = f"no answer within {PATIENCE_SECONDS:.0f} seconds"
    except UnavailableError as error:
        why = f"{error.system} does not answer"
    except (TidegateError, RPCError) as error:
        _LOG.warning("the console could not ask for %s: %s", name, type(error).__name__)
        why = f"it could not be asked ({type(error).__name__}); the log says more"
    return Asked(name, None, at, why)


async def ask_thread(name: str, question: Callable[..., T], *arguments: Any) -> Asked[T]:
    """The same of a question that blocks."""
    return await ask(name, asyncio.to_thread(question, *arguments))
