"""Quality in `tidegate status`: isolated fields, orphans and holds, one short line an object."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from clients.warehouse.sql import holds, quality_queries as sql


@dataclass(frozen=True)
class ObjectQuality:
    """Open findings of an object that nobody has acknowledged."""

    object: str
    isolated_fields: int
    isolated: int
    orphans: int
    others: int


@dataclass(frozen=True)
class QualityView:
    """Every object with open findings, and what is held."""

    objects: list[ObjectQuality]
    held: dict[str, str]
    """Object -> why."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for --json."""
        return asdict(self)


def quality_view(connection: psycopg.Connection) -> QualityView | None:
    """Ask the warehouse; None when it refuses the question, which must not take the rest of the
    page away.
    """
    try:
        with connection.transaction():
            rows = connection.execute(sql.count_isolated().encode()).fetchall()
            held = connection.execute(holds.list_holds().encode()).fetchall()
    except psycopg.ProgrammingError:
        return None
    objects = [ObjectQuality(name, *map(int, counts)) for name, *counts in rows]
    return QualityView(objects, {name: reason for name, _, reason, _ in held})


def quality_lines(view: QualityView | None) -> Iterator[str]:
    """One for each object; one that says so when nothing is open, or when it is not known."""
    if view is None:
        yield "quality: unknown, the warehouse refuses the question; start a worker of this release, which makes its tables"
        return
    for name, reason in view.held.items():
        yield f"{name} is HELD: {reason} tidegate quality release {name} --reason …"
    for each in view.objects:
        isolated = f"{each.isolated:,} isolated in {each.isolated_fields:,} fields" if each.isolated else ""
        counts = (isolated, _words(each.orphans, "orphans"), _words(each.others, "noted"))
        yield f"quality of {each.object}: {', '.join(filter(None, counts))} (tidegate quality {each.object})"
    if not view.objects and not view.held:
        yield "quality: nothing is open"


def _words(count: int, word: str) -> str:
    return f"{count:,} {word}" if count else ""
