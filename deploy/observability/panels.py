"""The dashboards as data: rows of panels, each with its queries and the unit of its values.

`dashboards.py` writes Grafana's JSON of it. The state is exported by several processes, so its
queries take `max by ()`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Query:
    """A line, or several of one family."""

    expr: str
    legend: str = ""
    """Grafana's template, as `{{object}}`; empty: the labels."""


@dataclass(frozen=True)
class Panel:
    """A graph, or a single value with `is_value`."""

    title: str
    about: str
    unit: str
    """Grafana's name of a unit: s, short, bytes, percentunit, bool_on_off."""
    queries: tuple[Query, ...]
    is_value: bool = False


@dataclass(frozen=True)
class Board:
    """A dashboard."""

    uid: str
    title: str
    panels: tuple[Panel, ...]


def rate(metric: str, by: str) -> str:
    """A counter's rate a second."""
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str, where: str = "") -> str:
    """A quantile of a histogram; `by` is a label, or empty."""
    labels = f"{by}, le" if by else "le"
    chosen = f"{{{where}}}" if where else ""
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{chosen}[$__rate_interval])))"


def age(metric: str, by: str) -> str:
    """Seconds since a time."""
    return f"time() - max by ({by}) ({metric})"


def state(metric: str, by: str) -> str:
    """A gauge of the state."""
    return f"max by ({by}) ({metric})"


def one(title: str, about: str, unit: str, expr: str, legend: str = "", *, is_value: bool = False) -> Panel:
    """A panel of one query."""
    return Panel(title, about, unit, (Query(expr, legend),), is_value)
