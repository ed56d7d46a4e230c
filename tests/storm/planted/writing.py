"""Bugs on the road into the org, and of its budgets."""

from collections.abc import Callable
from contextlib import AbstractContextManager

PLANTED: dict[str, Callable[[], AbstractContextManager[object]]] = {}
