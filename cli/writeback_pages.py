"""How `tidegate writeback` shows what it found."""

import json
from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clients.writebacks.looks import Row, StateCount
from schemas.writeback_control import LeftAlone
from schemas.writeback_files import FileIntake

_MOST_LEFT = 50


def list_page(counts: Sequence[StateCount], rows: Sequence[Row]) -> RenderableType:
    """Counts, and some rows one by one."""
    if not counts:
        return Text("there are no writebacks")
    counted = Table("object", "state", "writebacks", box=None)
    for each in counts:
        counted.add_row(each.object, each.state, f"{each.writebacks:,}")
    listed = Table("number", "object", "external id", "state", "tries", "accepted", "what", box=None)
    for row in rows:
        what = " ".join(filter(None, (row["code"], row["reason"])))
        texts = [str(row[name]) for name in ("number", "object", "external_id", "state", "attempts")]
        listed.add_row(*map(Text, (*texts, shown_text(row["accepted_at"]), what)))
    return Group(counted, Text(), listed) if rows else counted


def attempts_page(attempts: Sequence[Row]) -> RenderableType:
    """Every time that a writeback was sent."""
    table = Table("try", "batch", "sent", "outcome", "what", box=None)
    for each in attempts:
        what = " ".join(filter(None, (each["code"], each["reason"])))
        texts = (str(each["attempt"]), each["batch"], shown_text(each["sent_at"]), each["outcome"], what)
        table.add_row(*map(Text, texts))
    return table


def refusals_page(result: FileIntake) -> RenderableType:
    """The first refused rows of a file."""
    table = Table("row", "what", "why", box=None)
    for each in result.refusals:
        table.add_row(*map(Text, (str(each.index), each.field, each.message)))
    more = result.refused - len(result.refusals)
    return Group(table, Text(f"… and {more:,} more")) if more else table


def left_page(left: Sequence[LeftAlone]) -> RenderableType:
    """Writebacks that an act did not change, and why."""
    table = Table("number", "why", box=None)
    for each in left[:_MOST_LEFT]:
        table.add_row(str(each.number), Text(each.why))
    more = len(left) - _MOST_LEFT
    return Group(table, Text(f"… and {more:,} more: --json lists all")) if more > 0 else table


def shown_text(value: object) -> str:
    """A value of the store for a person."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, dict | list):
        return json.dumps(value)
    return "" if value is None else str(value)
