"""The mutants of a file: mutmut's operators, each at each place where it applies.

Left out: changed texts, arguments and assigned values, which fail at the first run of their line
and so measure coverage alone; annotations; and what is worked out while a module is imported
(defaults, constants, decorators).
"""

import ast
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation import mutators

from tests.mutants.rooms import ROOT

_LEFT_OUT = {
    mutators.operator_string, mutators.operator_arg_removal, mutators.operator_assignment,
    mutators.operator_dict_arguments,
}  # fmt: skip
_OPERATORS = [(kind, operator) for kind, operator in mutators.mutation_operators if operator not in _LEFT_OUT]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file."""

    file: str
    """From the root."""
    function: str
    """Qualified name of the outermost function around it; its code is what is exchanged."""
    line: int
    lines: tuple[int, ...]
    """Of the statement: tests that touch one of them judge."""
    before: str
    """The statement's line, as it is."""
    after: str
    source: str
    """The whole file with the change."""

    @property
    def name(self) -> str:
        """The same as long as the function and the statement stay."""
        return f"{self.file}::{self.function}::{self.before} -> {self.after}"

    def is_one_of(self, every: int) -> bool:
        """It is in the sample of one mutant of so many: by its name, so that a sample stays one."""
        return zlib.crc32(self.name.encode()) % every == 0


def mutants_of(file: str) -> list[Mutant]:
    """Every mutant of a file in the order of its lines, each change once."""
    source = (ROOT / file).read_text()
    visitor = _Finder(file, source)
    MetadataWrapper(cst.parse_module(source)).visit(visitor)
    found = {(each.line, each.source): each for each in visitor.found}
    return sorted(found.values(), key=lambda each: each.line)


class _Finder(cst.CSTVisitor):  # type: ignore[misc]  # libcst is in an environment of its own
    METADATA_DEPENDENCIES = (PositionProvider, ParentNodeProvider)

    def __init__(self, file: str, source: str) -> None:
        super().__init__()
        self.found: list[Mutant] = []
        self._file = file
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._names: list[str] = []
        self._outermost: cst.FunctionDef | None = None
        self._statements = _statements(source)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self._names.append(node.name.value)

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:
        self._names.pop()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        if self._outermost is None:
            self._names.append(node.name.value)
            self._outermost = node

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        if self._outermost is original_node:
            self._names.pop()
            self._outermost = None

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Annotation | cst.Decorator):
            return False
        if isinstance(node, cst.Param | cst.Parameters) and self._parent_is_outermost(node):
            return False
        if self._outermost is not None:
            for kind, operator in _OPERATORS:
                if isinstance(node, kind):
                    for changed in operator(node):
                        self._add(node, changed)
        return super().on_visit(node)

    def _is_cut(self, node: cst.CSTNode) -> bool:
        argument = self.get_metadata(ParentNodeProvider, node)
        call = self.get_metadata(ParentNodeProvider, argument)
        return isinstance(call, cst.Call) and isinstance(call.func, cst.Name) and call.func.value == "int"

    def _parent_is_outermost(self, node: cst.CSTNode) -> bool:
        return self._outermost is not None and self.get_metadata(ParentNodeProvider, node) is self._outermost

    def _add(self, node: cst.CSTNode, changed: cst.CSTNode) -> None:
        if (
            isinstance(node, cst.BinaryOperation)
            and isinstance(node.operator, cst.FloorDivide)
            and self._is_cut(node)
        ):
            return  # int(a // b) and int(a / b) are one for numbers from 0
        position: Any = self.get_metadata(PositionProvider, node, None)
        if position is None:
            return
        begin = self._starts[position.start.line - 1] + position.start.column
        end = self._starts[position.end.line - 1] + position.end.column
        text = _code(changed)
        source = self._source[:begin] + text + self._source[end:]
        if source == self._source or not _compiles(source):
            return
        first, last = self._statements.get(position.start.line, (position.start.line,) * 2)
        before = self._source[self._starts[first - 1] : self._starts[last]]
        grown = len(source) - len(self._source)
        after = source[self._starts[first - 1] : self._starts[last] + grown]
        self.found.append(
            Mutant(
                self._file, ".".join(self._names), position.start.line, tuple(range(first, last + 1)),
                " ".join(before.split()), " ".join(after.split()), source,
            )
        )  # fmt: skip


def _code(node: cst.CSTNode) -> str:
    return cst.Module(body=[]).code_for_node(node)


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _statements(source: str) -> dict[int, tuple[int, int]]:
    """Line -> first and last line of the innermost statement on it; of a block, only its head."""
    found: dict[int, tuple[int, int]] = {}
    for node in _in_order(ast.parse(source)):
        body = getattr(node, "body", None)
        last = node.end_lineno or node.lineno
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            last = max(node.lineno, body[0].lineno - 1)
        for line in range(node.lineno, last + 1):
            found[line] = (node.lineno, last)
    return found


def _in_order(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt):
            yield node
        yield from _in_order(node)


def source_of(file: str) -> str:
    """The file's text now."""
    return Path(ROOT / file).read_text()
