"""Every row of `workflows/contracts/`, and every activity of `activities/`, by their stored
names.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from temporalio import activity

import activities
import workflows.contracts
from workflows.contracts.contract import Contract


def modules_of(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def contracts() -> list[Contract[Any, Any]]:
    """The rows, each once."""
    rows = [
        row
        for module in modules_of(workflows.contracts)
        for row in vars(module).values()
        if isinstance(row, Contract)
    ]
    return list(dict.fromkeys(rows))


def defined_activities() -> dict[str, Callable[..., Any]]:
    """The functions with `@activity.defn`, methods as their classes have them."""
    return {
        name_of(function): function
        for module in modules_of(activities)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        for _, function in inspect.getmembers(kind, inspect.isfunction)
        if hasattr(function, "__temporal_activity_definition")
    }


def name_of(function: Callable[..., Any]) -> str:
    """The stored name of an activity."""
    name = activity._Definition.must_from_callable(function).name
    assert name is not None
    return name
