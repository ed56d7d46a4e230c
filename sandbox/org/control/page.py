"""`GET /sandbox`: the org at a glance, for a person. Plain HTML without scripts; everything from outside is escaped.

It reads what the other addresses of the control plane tell and changes nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape

from sandbox.org.faults import Faults
from sandbox.org.http_faults import SeenCall
from sandbox.org.meters import RollingCount
from sandbox.org.model import Org

_STYLE = (
    "body{font:14px system-ui,sans-serif;margin:2em;max-width:80em}table{border-collapse:collapse}"
    "td,th{padding:.15em .8em;text-align:left;border-bottom:1px solid #ddd}td.n{text-align:right}meter{width:14em}"
)


def page(org: Org, calls: Iterable[SeenCall], doing: Mapping[str, object]) -> str:
    """The whole page. `calls` come oldest first; `doing` says what else is going on, by name."""
    title = f"Sandbox org {org.identity.org_id}"
    sections = (
        ("State", _state(org, doing)),
        ("Allocations of 24 hours", _meters(org.meters.by_name())),
        ("Faults", _faults(org.faults)),
        ("Dials", _dials(org)),
        ("Last calls", _calls(calls)),
    )
    body = "".join(f"<h2>{name}</h2>{content}" for name, content in sections)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )


def _state(org: Org, doing: Mapping[str, object]) -> str:
    known = {
        "edition": org.edition,
        "time": f"{org.clock.now().stored}, {org.clock.ahead_ms / 1_000:,.0f} s ahead",
        "changes committed": f"{org.changes_committed:,}",
        "events held": f"{org.bus.held:,}, the newest {org.bus.newest}",
        **doing,
    }
    rows = [
        (name, f"{count:,}", f"{org.deleted_counts[name]:,}") for name, count in sorted(org.counts.items())
    ]
    return _table((), known.items()) + _table(("object", "records", "of them in the bin"), rows, numbers=True)


def _meters(meters: Mapping[str, RollingCount]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        f'<td><meter max="{max(meter.maximum, 1)}" value="{min(meter.used, meter.maximum)}"></meter></td>'
        f'<td class="n">{meter.used:,} of {meter.maximum:,}</td></tr>'
        for name, meter in meters.items()
    )
    return f"<table>{rows}</table>"


def _faults(faults: Faults) -> str:
    rows = [
        (f["point"], f["kind"], f["match"] or "everything", f["seen"], f["struck"]) for f in faults.listing()
    ]
    return _table(("point", "kind", "match", "seen", "struck"), rows) if rows else "<p>None.</p>"


def _dials(org: Org) -> str:
    return _table(
        ("dial", "value"),
        [
            (f"{family}.{name}", value)
            for family, dials in org.dials.model_dump().items()
            for name, value in dials.items()
        ],
    )


def _calls(calls: Iterable[SeenCall]) -> str:
    rows = [
        (
            datetime.fromtimestamp(call.at, UTC).strftime("%H:%M:%S"),
            call.method,
            call.path,
            call.status or "no answer",
            f"{call.seconds * 1_000:,.0f} ms",
            call.client,
        )
        for call in reversed(tuple(calls))
    ]
    return _table(("at", "method", "path", "status", "took", "client"), rows) if rows else "<p>None yet.</p>"


def _table(head: Iterable[str], rows: Iterable[Iterable[object]], *, numbers: bool = False) -> str:
    """Cells are escaped here and nowhere else; with `numbers` all but the first column are aligned as such."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = [
        "".join(
            f"<td{' class=n' if numbers and column else ''}>{escape(str(cell))}</td>"
            for column, cell in enumerate(row)
        )
        for row in rows
    ]
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
