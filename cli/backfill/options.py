"""Parse the options of `tidegate backfill`."""

import csv
import sys
from pathlib import Path

from pydantic import ValidationError

from schemas.backfill import BackfillInput
from schemas.catalogue import ObjectSpec
from schemas.errors import SettingsError
from schemas.salesforce.record_ids import whole_id

_MOST_PROBLEMS = 10


def request_of(**asked: object) -> BackfillInput:
    """The workflow's input; raises `SettingsError` that says what cannot be."""
    try:
        return BackfillInput.model_validate(asked)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, each['loc']))} {each['msg'].removeprefix('Value error, ')}".strip()
            for each in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError(
            f"That cannot be backfilled: {told}. `tidegate backfill --help` says more."
        ) from error


def read_ids(given: str, spec: ObjectSpec) -> list[str]:
    """Record ids of a file (`-`: of stdin), one a line or the column Id of a CSV; sorted, each
    once.

    Raises `SettingsError` that names the lines that hold none.
    """
    try:
        text = sys.stdin.read() if given == "-" else Path(given).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"--ids: {given} cannot be read ({error}). Give a text file, or - for stdin."
        ) from error
    found, problems = set[str](), list[str]()
    for number, value in _values(text):
        try:
            found.add(_id_of(value, spec))
        except ValueError as error:
            problems.append(f"line {number}: {value[:40]!r}: {error}")
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        listed = "\n  ".join([*problems[:_MOST_PROBLEMS], *([f"and {more} more"] if more > 0 else [])])
        raise SettingsError(f"--ids: these are no record ids:\n  {listed}\nCorrect them and start again.")
    if not found:
        raise SettingsError(f"--ids: {given} holds no id. Give one a line, or a CSV with a column Id.")
    return sorted(found)


def _id_of(value: str, spec: ObjectSpec) -> str:
    record_id = whole_id(value)
    if not record_id.startswith(spec.key_prefix):
        raise ValueError(f"the ids of {spec.name} begin with {spec.key_prefix}")
    return record_id


def _values(text: str) -> list[tuple[int, str]]:
    """Line numbers and values; the header of a CSV says which column it is."""
    rows = csv.reader(text.splitlines())
    header = next(rows, [])
    names = [name.strip().lower() for name in header]
    column = names.index("id") if "id" in names else 0
    first = [] if "id" in names else [(1, header)]
    numbered = [*first, *((rows.line_num, row) for row in rows)]
    return [
        (number, row[column].strip()) for number, row in numbered if len(row) > column and row[column].strip()
    ]
