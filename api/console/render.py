"""Templates of the console, and the words in which they say times, ages and numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from api.console.states import TONES, tone_of
from schemas.status_problems import anchor

NOTHING = "\N{EN DASH}"
"""Stands for a value that there is not."""


@cache
def environment() -> Environment:
    """Every value is escaped; a name that a page was not given is an error."""
    made = Environment(
        loader=PackageLoader("api.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.filters |= {
        "anchor": anchor,
        "clock": clock,
        "age": age,
        "span": span,
        "count": count,
        "moment": moment,
        "path": path_part,
        "tone": tone_of,
        "percent": percent,
    }
    made.globals["TONES"] = TONES
    return made


def render(template: str, values: Mapping[str, Any]) -> str:
    """A template as text."""
    return environment().get_template(template).render(values)


def respond(template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """A whole page."""
    return HTMLResponse(render(template, values), status)


def moment(at: datetime | None) -> str:
    """2026-11-30 03:12:05; a dash for none. UTC, as everywhere on the console."""
    return NOTHING if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def clock(at: datetime | None, now: datetime | None = None) -> Markup:
    """The time of day as an element, with the day when it is another one than `now`'s."""
    if at is None:
        return Markup('<span class="none">{}</span>').format(NOTHING)
    utc = at.astimezone(UTC)
    is_today = now is not None and utc.date() == now.astimezone(UTC).date()
    shown = f"{utc:%H:%M:%S}" if is_today or now is None else f"{utc:%m-%d %H:%M:%S}"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(utc.isoformat(), moment(at), shown)


def age(at: datetime | None, now: datetime) -> Markup:
    """`12 s ago`, or `in 3 min`, as an element with the time itself; a dash for none."""
    if at is None:
        return Markup('<span class="none">{}</span>').format(NOTHING)
    passed = now - at
    words = f"{span(passed)} ago" if passed >= timedelta(0) else f"in {span(-passed)}"
    utc = at.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(utc.isoformat(), moment(at), words)


def span(length: timedelta | float | None) -> str:
    """A length of time, shorter than it by a fifth at most: `850 ms`, `12 s`, `3 min 5 s`, `2 h
    4 min`, `9 min`.
    """
    if length is None:
        return NOTHING
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if abs(seconds) < 1:
        return f"{seconds * 1_000:.0f} ms"
    if abs(seconds) < 60:
        return f"{seconds:.1f} s" if abs(seconds) < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    for size, unit, smaller, name in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller if whole < 5 * size else 0
            return f"{whole // size:,} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{whole} s"


def count(number: float | None) -> str:
    """12,345; a dash for what is not known."""
    if number is None:
        return NOTHING
    return f"{number:,.0f}" if number == int(number) or number >= 10 else f"{number:,.1f}"


def percent(part: float) -> str:
    """61 %; what there is of something is never shown as nothing."""
    return "<1 %" if 0 < part < 0.01 else f"{part:.0%}".replace("%", " %")


def path_part(text: str) -> str:
    """Text as one part of a path."""
    return quote(text, safe="")
