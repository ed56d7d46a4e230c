"""Whether the day was as it must be, and the figures."""

from typing import Any

from benchmarks.day.record import Record, share
from schemas.governor import Budget, LeaseClass
from transforms.governor.ledger import BudgetLedger

FRESH_SECONDS = 120.0
FORECAST_ERROR = 0.10
_ENOUGH_FORECASTS = 12


def failures(record: Record, books: BudgetLedger) -> list[str]:
    """Failed assertions; empty for a good day."""
    wrong = [f"the org refused {count} times: {code}" for code, count in record.refused.items()]
    for name, ages in record.ages.items():
        if (late := share(ages, 0.95)) >= FRESH_SECONDS:
            wrong.append(f"{name}: freshness p95 {late:.0f} s")
    to_share = books.books[Budget.API_CALLS].to_share(books.terms)
    for lease_class in LeaseClass:
        floor = books.terms.shares[lease_class].floor * to_share
        asked, made = record.asked[lease_class], record.made[lease_class]
        # A caller has always one call that is due only in part.
        if lease_class is not LeaseClass.POLLING and made < min(0.99 * asked, floor) - 1:
            wrong.append(
                f"{lease_class}: {made} calls of {asked:.0f} asked for, below its floor of {floor:.0f}"
            )
    if len(record.errors) >= _ENOUGH_FORECASTS and max(record.errors) > FORECAST_ERROR:
        wrong.append(f"a forecast six hours ahead was {max(record.errors):.1%} off")
    return wrong


def as_json(record: Record, wrong: list[str], seconds: float) -> dict[str, Any]:
    """Every figure."""
    return {
        "holds": not wrong,
        "failures": wrong,
        "changes": sum(record.changes.values()),
        "refused": dict(record.refused),
        "freshness_seconds": {
            name: {"p50": round(share(ages, 0.5), 1), "p95": round(share(ages, 0.95), 1), "rows": len(ages)}
            for name, ages in record.ages.items()
        },
        "calls": {
            each: {"asked": round(record.asked[each]), "made": record.made[each]}
            for each in LeaseClass
            if each is not LeaseClass.POLLING
        },
        "waited": dict(record.waited),
        "used": {name: {"used": used, "maximum": maximum} for name, (used, maximum) in record.used.items()},
        "forecast_error_six_hours": {
            "p50": round(share(record.errors, 0.5), 4),
            "max": round(max(record.errors, default=float("nan")), 4),
            "forecasts": len(record.errors),
        },
        "moves": record.plans,
        "wall_seconds": round(seconds, 1),
    }


def page(record: Record, wrong: list[str], seconds: float) -> str:
    """The figures for a person."""
    found = as_json(record, wrong, seconds)
    lines = [f"changes                 {found['changes']:,} in the day, simulated in {seconds:.0f} s"]
    lines += [f"refused by the org      {sum(record.refused.values())}"]
    for name, ages in found["freshness_seconds"].items():
        lines.append(f"freshness {name:18} p50 {ages['p50']:6.1f} s  p95 {ages['p95']:6.1f} s")
    for name, calls in found["calls"].items():
        lines.append(f"calls of {name:16} {calls['made']:8,} made of {calls['asked']:,} asked for")
    for name, meter in found["used"].items():
        lines.append(f"used {name:20} {meter['used']:12,} of {meter['maximum']:,}")
    error = found["forecast_error_six_hours"]
    lines.append(
        f"forecast six hours ahead: error p50 {error['p50']:.1%}, max {error['max']:.1%}, of {error['forecasts']}"
    )
    lines += [f"waited: {name} {count}" for name, count in record.waited.items() if count]
    lines += [f"moved: {move}" for move in found["moves"]]
    lines.append("Everything holds." if not wrong else "Does NOT hold: " + "; ".join(wrong))
    return "\n".join(lines) + "\n"
