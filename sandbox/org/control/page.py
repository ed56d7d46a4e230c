"""`/sandbox`: the org at a glance, for a person at three in the morning. Plain HTML, made again
every five seconds.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from sandbox.org.control.handlers import Parts
from sandbox.org.http_faults import SeenCall
from sandbox.org.limits.meters import RollingCount

_STYLE = """
body{font:14px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:72rem;padding:0 1rem;color:#1c1e21;background:#fafafa}
h1{font-size:1.25rem;margin:0}h2{font-size:1rem;margin:1.4rem 0 .4rem}
table{border-collapse:collapse;width:100%;background:#fff}td,th{padding:.25rem .6rem;border-bottom:1px solid #e4e6eb;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.two{display:grid;grid-template-columns:1fr 1fr;gap:0 1.5rem}
.bar{background:#e4e6eb;height:.7rem;width:14rem}.bar div{background:#2d6cdf;height:100%}.hot div{background:#c62828}
.bad{color:#c62828;font-weight:600}.quiet{color:#65676b}code{font-size:.92em}
@media(max-width:50rem){.two{display:block}}
"""
_LATEST = 30
_HOT = 0.9


def control_page(parts: Parts, calls: Iterable[SeenCall]) -> str:
    """The whole page. `calls` are those seen, the oldest first."""
    org = parts.org
    seen = list(calls)[-_LATEST:][::-1]
    return f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<title>Sandbox org {escape(org.identity.org_id)}</title><style>{_STYLE}</style></head><body>
<h1>Sandbox org {escape(org.identity.org_id)}</h1>
<p class="quiet">{escape(org.edition)} edition, {org.clock.now().stored[:19].replace("T", " ")} UTC
{_ahead(org.clock.ahead_ms)} &middot; {org.changes_committed:,} changes since its start &middot; {_traffic(parts)}</p>
<div class="two"><section><h2>Records</h2>{_records(parts)}</section>
<section><h2>Events and sessions</h2>{_events(parts)}</section></div>
<h2>Allocations of 24 hours</h2>{_meters(org.meters.by_name())}
<h2>Bulk jobs</h2>{_jobs(parts)}
<h2>Faults in force</h2>{_faults(parts)}
<h2>Dials that are turned</h2>{_dials(parts)}
<h2>Latest calls</h2>{_calls(seen)}
</body></html>"""


def _ahead(ahead_ms: int) -> str:
    return f"({ahead_ms / 3_600_000:.1f} h ahead)" if ahead_ms else ""


def _traffic(parts: Parts) -> str:
    state = parts.traffic.state()
    if not state["running"]:
        return "no traffic"
    return f"traffic at {state['rate_per_minute']:,} changes a minute"


def _records(parts: Parts) -> str:
    org = parts.org
    rows = [
        (escape(name), f"{count:,}", f"{org.deleted_counts[name]:,}") for name, count in org.counts.items()
    ]
    return _table(("object", "records", "in the bin"), rows, numbers=(1, 2))


def _events(parts: Parts) -> str:
    bus = parts.org.bus
    rows = [
        ("events held", f"{bus.held:,}"),
        ("newest replay id", f"{bus.newest:,}"),
        ("retention", f"{bus.retention_ms / 3_600_000:,.1f} h"),
        ("CometD clients", f"{len(parts.clients):,}"),
        ("Pub/Sub streams", f"{parts.org.pubsub_streams:,}"),
        ("sessions", f"{len(parts.sessions):,}"),
        ("neighbour", f"{parts.neighbour.spent:,} calls" if parts.neighbour.plan else "none"),
        ("long API calls now", f"{parts.org.meters.long_calls.now:,}"),
    ]
    return _table(("", ""), rows, numbers=(1,))


def _meters(meters: dict[str, RollingCount]) -> str:
    rows = []
    for name, meter in meters.items():
        share = min(meter.used / meter.maximum, 1) if meter.maximum else 1.0
        hot = " hot" if share >= _HOT else ""
        bar = f'<div class="bar{hot}"><div style="width:{share:.1%}"></div></div>'
        rows.append((escape(name), bar, f"{meter.used:,}", f"{meter.maximum:,}"))
    return _table(("", "", "used", "allowed"), rows, numbers=(2, 3))


def _jobs(parts: Parts) -> str:
    rows = [
        (escape(f"Bulk API {api}"), escape(state), f"{count:,}")
        for (api, state), count in sorted((parts.bulk.states() + parts.classic.states()).items())
    ]
    return _table(("API", "state", "jobs"), rows, numbers=(2,)) if rows else '<p class="quiet">none</p>'


def _faults(parts: Parts) -> str:
    rows = [
        tuple(
            escape("always" if rule[name] is None else str(rule[name]))
            for name in ("point", "kind", "match", "probability", "times", "seen", "struck")
        )
        for rule in parts.org.faults.listing()
    ]
    if not rows:
        return '<p class="quiet">none</p>'
    return _table(
        ("point", "kind", "match", "probability", "at most", "seen", "struck"), rows, numbers=(5, 6)
    )


def _dials(parts: Parts) -> str:
    fresh = type(parts.org.dials)().model_dump()
    turned = [
        (f"<code>{family}.{name}</code>", escape(str(value)), escape(str(fresh[family][name])))
        for family, values in parts.org.dials.model_dump().items()
        for name, value in values.items()
        if value != fresh[family][name]
    ]
    return _table(("dial", "now", "default"), turned) if turned else '<p class="quiet">none</p>'


def _calls(calls: list[SeenCall]) -> str:
    rows = [
        (
            datetime.fromtimestamp(call.at, UTC).strftime("%H:%M:%S"),
            f"<code>{escape(call.method)} {escape(call.path)}</code>",
            _status(call.status),
            f"{call.seconds * 1000:,.0f}",
            f'<span class="quiet">{escape(call.client[:60])}</span>',
        )
        for call in calls
    ]
    return _table(("ended", "call", "status", "ms", "client"), rows, numbers=(3,))


def _status(status: int) -> str:
    if status == 0:
        return '<span class="bad">cut</span>'
    return f'<span class="bad">{status}</span>' if status >= 400 else str(status)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, numbers: tuple[int, ...] = ()) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        inner = "".join(
            f"<{tag}{' class=n' if place in numbers else ''}>{cell}</{tag}>"
            for place, cell in enumerate(cells)
        )
        return f"<tr>{inner}</tr>"

    top = line(head, "th") if any(head) else ""
    return f"<table>{top}{''.join(line(row, 'td') for row in rows)}</table>"
