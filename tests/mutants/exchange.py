"""Put a mutant's code in the place of its function's, wherever that is in memory."""

import gc
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, FunctionType

from tests.mutants.mutate import Mutant, source_of
from tests.mutants.rooms import ROOT

Functions = Mapping[str, Sequence[FunctionType]]
"""By file, its whole path."""


def functions_of(files: set[str]) -> Functions:
    """Every function in memory that stands in one of the files, whatever is wrapped around it."""
    found: dict[str, list[FunctionType]] = defaultdict(list)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename in files:
            found[each.__code__.co_filename].append(each)
    return found


def exchange_of(mutant: Mutant, functions: Functions) -> Callable[[], None] | None:
    """A function that exchanges the code of the mutant's function, and of the functions that it
    made before: a closure may be made while its module is imported. None = nothing to exchange.
    """
    file = str(ROOT / mutant.file)
    changed = _code_of(mutant.source, file, mutant)
    unchanged = _code_of(source_of(mutant.file), file, mutant)
    if changed is None or unchanged is None:
        return None
    found = [each for each in functions.get(file, ()) if _is_of(each.__code__, changed)]
    if not found or any(not _fits(each.__code__, changed) for each in found):
        return None
    pairs = [(each, changed) for each in found]
    for before, after in _made_by(unchanged, changed):
        made = [each for each in functions[file] if each.__code__ == before]
        if made and not _fits(before, after):
            return None
        pairs += [(each, after) for each in made]

    def exchange() -> None:
        for function, code in pairs:
            function.__code__ = code

    return exchange


def _is_of(code: CodeType, other: CodeType) -> bool:
    return (code.co_qualname, code.co_firstlineno) == (other.co_qualname, other.co_firstlineno)


def _fits(code: CodeType, other: CodeType) -> bool:
    return len(code.co_freevars) == len(other.co_freevars)


def _made_by(before: CodeType, after: CodeType) -> list[tuple[CodeType, CodeType]]:
    """The functions inside a function that changed: before, and after."""
    ours, theirs = list(_inner(before)), list(_inner(after))
    if [each.co_qualname for each in ours] != [each.co_qualname for each in theirs]:
        return []
    return [(each, other) for each, other in zip(ours, theirs, strict=True) if each != other]


def _inner(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _inner(each)


def _code_of(source: str, file: str, mutant: Mutant) -> CodeType | None:
    """The code of the mutant's function; of several with one name, the last before its line."""
    module = compile(source, file, "exec", dont_inherit=True)
    found = [
        each
        for each in _inner(module)
        if each.co_qualname == mutant.function and each.co_firstlineno <= mutant.line
    ]
    return max(found, key=lambda each: each.co_firstlineno, default=None)
