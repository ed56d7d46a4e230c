"""How `tidegate writeback` shows what it found."""

import json
from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clients.writeback.queries import Row, StateCount
from clients.writeback.stats import Latency
from schemas.writeback.control import LeftAlone
from schemas.writeback.files import FileIntake

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
        said = each["words"] or ""
        # A token says nothing to a person.
        words = "" if said.startswith("tg") else said
        what = " ".join(filter(None, (each["code"], each["reason"], words)))
        texts = (str(each["attempt"]), each["batch"], shown_text(each["sent_at"]), each["outcome"], what)
        table.add_row(*map(Text, texts))
    return table


def batches_page(rows: Sequence[Row]) -> RenderableType:
    """Batches, one a line."""
    if not rows:
        return Text("there are no batches")
    ends = ("done", "again", "held", "dead", "superseded")
    names = ("batch", "object", "carrier", "state", "records", "calls", *ends, "formed", "sent", "closed")
    table = Table(*names, box=None)
    for row in rows:
        facts = (row[name] for name in ("batch", "object", "carrier", "state", "size", "calls", *ends))
        times = (row[name] for name in ("formed_at", "sent_at", "closed_at"))
        table.add_row(*(shown_text(each) for each in (*facts, *times)))
    return table


def latency_page(found: Sequence[Latency]) -> RenderableType:
    """Seconds from acceptance, by object and end."""
    if not found:
        return Text("nothing was done in that time")
    table = Table("object", "until", "writebacks", "p50", "p95", "p99", "longest", box=None)
    for each in found:
        ends = (
            ("sent", each.writebacks, each.sent),
            ("done", each.writebacks, each.done),
            ("back", each.echoed, each.echo),
        )
        for word, count, spread in ends:
            parts = () if spread is None else (spread.p50, spread.p95, spread.p99, spread.most)
            table.add_row(each.object, word, f"{count:,}", *(f"{part:,.2f} s" for part in parts))
        if each.late:
            table.add_row(each.object, "late", f"{each.late:,}")
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
