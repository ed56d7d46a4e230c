"""A shadow's differences, as a person reads them."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clients.warehouse.shadow.compare import TableDifference


def differences_page(name: str, found: Sequence[TableDifference]) -> RenderableType:
    """First whether anything differs, then each table; columns and record ids of those that do."""
    different = [each for each in found if not each.is_equal]
    rows = sum(each.both for each in found)
    if different:
        objects = ", ".join(dict.fromkeys(each.object for each in different))
        headline = Text(f"shadow {name} differs in {objects}", style="bold red")
    else:
        headline = Text(f"shadow {name} is equal: {rows:,} rows of {len(found)} tables", style="bold")
    table = Table("object", "table", "in both", "only here", "only in the shadow", "differing", box=None)
    for column in table.columns[2:]:
        column.justify = "right"
    for each in found:
        counts = (each.both, each.only_here, each.only_there, each.differing)
        style = None if each.is_equal else "red"
        table.add_row(each.object, each.table, *(f"{count:,}" for count in counts), style=style)
    return Group(headline, table, *(Text(line) for each in different for line in _details(each)))


def _details(found: TableDifference) -> list[str]:
    lines = []
    if found.columns:
        listed = ", ".join(f"{column} ({count:,})" for column, count in found.columns.items())
        lines.append(f"{found.table} differs in {listed}")
    if found.examples:
        lines.append(f"{found.table}, for instance {', '.join(found.examples)}")
    return lines
