"""A storm as a picture: changes behind over time, with what struck, as SVG."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Any

_WIDTH, _HEIGHT = 960, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 60, 40
_MOST_LINES = 6


def picture(figures: dict[str, Any]) -> str:
    """SVG of `Timeline.figures`: faults as bands, kills as ticks, changes behind as a line."""
    samples: Sequence[dict[str, Any]] = figures["samples"]
    last = max((each["at"] for each in samples), default=1.0)
    highest = max((each["behind"] or 0 for each in samples), default=1) or 1
    step = _step(highest)
    lines = -(-highest // step)
    most = step * lines

    def x(at: float) -> float:
        return round(_LEFT + at / last * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(behind: float) -> float:
        return round(_HEIGHT - _BOTTOM - behind / most * (_HEIGHT - _TOP - _BOTTOM), 1)

    parts = [
        _band(x(begin), x(end), name, place) for place, (begin, end, name) in enumerate(figures["faults"])
    ]
    parts += [_tick(x(at), text) for at, text in figures["marks"]]
    parts += [_grid(y(step * line), step * line) for line in range(lines + 1)]
    parts += [_minute(x(at), at) for at in _minutes(last)]
    for is_known, some in groupby(samples, lambda each: each["behind"] is not None):
        if is_known:  # where nobody could say, there is no line
            points = " ".join(f"{x(each['at'])},{y(each['behind'])}" for each in some)
            parts.append(f'<polyline fill="none" stroke="#0b5cab" stroke-width="1.5" points="{points}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="11"><rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
        f'<text x="{_LEFT}" y="16" font-size="13">Changes that are not in the warehouse yet</text>'
        f"{''.join(parts)}</svg>\n"
    )


def _step(most: int) -> int:
    """Changes between two lines: 1, 2 or 5 with zeros."""
    return next(
        unit * 10**power
        for power in range(12)
        for unit in (1, 2, 5)
        if unit * 10**power * _MOST_LINES >= most
    )


def _band(begin: float, end: float, name: str, place: int) -> str:
    return (
        f'<rect x="{begin}" y="{_TOP}" width="{max(end - begin, 1.0):.1f}" height="{_HEIGHT - _TOP - _BOTTOM}" '
        f'fill="#d9480f" opacity="0.16"/>'
        f'<text x="{begin}" y="{_TOP - 20 + place % 2 * 14}" fill="#a33a00">{escape(name)}</text>'
    )


def _tick(at: float, text: str) -> str:
    end = _HEIGHT - _BOTTOM
    return f'<path d="M{at} {end}v-8" stroke="#c00"><title>{escape(text)}</title></path>'


def _grid(at: float, behind: int) -> str:
    return (
        f'<path d="M{_LEFT} {at}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
        f'<text x="{_LEFT - 6}" y="{at + 4}" text-anchor="end" fill="#555">{behind:,}</text>'
    )


def _minute(at: float, seconds: float) -> str:
    where = f'x="{at}" y="{_HEIGHT - 18}"'
    return f'<text {where} text-anchor="middle" fill="#555">{round(seconds / 60)} min</text>'


def _minutes(last: float) -> list[float]:
    step = next(each for each in (60, 120, 300, 600, 1_200, 100_000) if last / each <= 12)
    return [float(at) for at in range(0, int(last) + 1, step)]
