"""Options that many commands share, as one parameter of the function: a dataclass whose fields are
annotated as the options of a command are.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from typing import Any, TypeVar, get_type_hints

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class OptionGroup:
    """The base of such a dataclass. A field without a default is an option that is needed."""


def with_groups_as_options(function: F) -> F:
    """The function as Typer takes it: each group is replaced by its options, in their order."""
    hints = get_type_hints(function, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if _is_group(hint)}
    if not groups:
        return function

    @wraps(function)
    def command(**given: Any) -> Any:
        for name, group in groups.items():
            given[name] = group(**{each.name: given.pop(each.name) for each in fields(group)})
        return function(**given)

    parameters = list(_parameters(function, hints))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    del command.__wrapped__  # its signature would be taken
    return command  # type: ignore[return-value]


def _is_group(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, OptionGroup)


def _parameters(function: Callable[..., Any], hints: dict[str, Any]) -> Iterator[inspect.Parameter]:
    for each in inspect.signature(function).parameters.values():
        hint = hints[each.name]
        if not _is_group(hint):
            yield each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hint)
            continue
        of_group = get_type_hints(hint, include_extras=True)
        for field in fields(hint):
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            kind = inspect.Parameter.KEYWORD_ONLY
            yield inspect.Parameter(field.name, kind, default=default, annotation=of_group[field.name])
