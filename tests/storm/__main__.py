"""`python -m tests.storm --seeds N`: run schedules, say how many an hour, and shrink what fails."""

import argparse
import sys

from tests.storm.planted import PLANTED
from tests.storm.runner import Tally, bug, first_broken, quiet, run_in_processes, run_seeds, timed
from tests.storm.schedule import Outcome
from tests.storm.setting import storm_parts
from tests.storm.shrink import MOST_RUNS, shrink
from tests.storm.weather import STORM
from tests.storm.world import Parts

_SHOW_EVERY = 500


def main() -> int:
    """Run what the arguments ask for; 1 when a law was broken, or a planted bug was not found."""
    asked = _parser().parse_args()
    quiet()
    with storm_parts() as parts:
        if asked.planted is not None:
            names = [asked.planted] if asked.planted else sorted(PLANTED)
            found = [_find(parts, name, asked) for name in names]
            return int(not all(found))
        return _run(parts, asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.storm", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many schedules (default 100)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument(
        "--planted", nargs="?", const="", default=None, help="find this planted bug; without a name: all"
    )
    parser.add_argument(
        "--shrink", type=int, default=MOST_RUNS, help="runs to shrink what fails; 0: it is shown as it is"
    )
    parser.add_argument(
        "--minutes", type=float, default=0, help="end after so many minutes; 0: at the last seed"
    )
    parser.add_argument("--log", action="store_true", help="print the whole log of a schedule that fails")
    return parser


def _run(parts: Parts, asked: argparse.Namespace) -> int:
    seeds, tally = range(asked.first, asked.first + asked.seeds), Tally()
    outcomes = run_seeds(parts, seeds) if asked.jobs == 1 else run_in_processes(seeds, asked.jobs)
    for outcome in timed(outcomes, tally):
        if outcome.broken:
            _show(shrink(parts, outcome, STORM, asked.shrink), whole=asked.log)
        if asked.minutes and tally.seconds > 60 * asked.minutes:
            break
        if tally.seeds % _SHOW_EVERY == 0:
            _say(f"{tally.seeds} schedules, {tally.an_hour} an hour, {len(tally.broken)} broken")
    _say(
        f"{tally.seeds} schedules, {tally.strikes} faults, {tally.an_hour} schedules an hour, "
        f"{len(tally.broken)} broken; digest {tally.digest}"
    )
    return int(bool(tally.broken))


def _find(parts: Parts, name: str, asked: argparse.Namespace) -> bool:
    count, found = first_broken(parts, asked.seeds, planted=name, first=asked.first)
    if found is None:
        _say(f"{name}: not found in {count} schedules")
        return False
    _say(f"{name}: found after {count} schedules: {found.broken[0]}")
    with bug(name):
        _show(shrink(parts, found, STORM, asked.shrink), whole=False)
    return True


def _show(outcome: Outcome, *, whole: bool) -> None:
    _say(f"  seed {outcome.plan.seed}, shrunk to {outcome.size} steps: {outcome.broken[0]}")
    for act in outcome.plan.acts:
        _say(f"    {act}")
    for strike in outcome.struck:
        _say(f"    {strike}")
    if whole:
        _say("\n".join(f"      {line}" for line in outcome.log))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
