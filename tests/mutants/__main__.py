"""`make mutants`: judge the mutants of rooms, folders or files; none named = all rooms.

Verdicts are kept in var/mutants and are not judged again while the file, and the tests of its room,
stay as they are; `--again` judges survivors and those without a test once more.
"""

import argparse
import sys

import pytest

from tests.mutants.judge import Judge, Verdict
from tests.mutants.mutate import Mutant, mutants_of
from tests.mutants.results import Results, report
from tests.mutants.rooms import ROOMS, Room, files_of, room_of

_PATIENCE = 5
"""How often the usual processor time a test may take that judges in a patient room."""
_MARKED = "not heavy and not model and not fuzz and not redshift_client"
"""Tests that may judge. In place of the project's own choice, which leaves out those that are
costly.
"""


def main() -> int:
    """Exit code 0: a survivor is a place to read, and no failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("places", nargs="*", help=f"of {', '.join(ROOMS)}; or paths")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="judge one of N, always the same")
    parser.add_argument("--again", action="store_true", help="judge survivors once more")
    parser.add_argument("--report", action="store_true", help="only show what is known")
    parser.add_argument("--survivors", action="store_true", help="list each survivor")
    asked = parser.parse_args()
    results = Results()
    rooms: dict[str, list[str]] = {}
    for file in files_of(asked.places):
        rooms.setdefault(room_of(file), []).append(file)
    if not asked.report:
        for room, files in rooms.items():
            waiting = [
                each
                for file in files
                for each in mutants_of(file)
                if each.is_one_of(asked.every) and results.is_open(each, again=asked.again)
            ]
            if waiting:
                _judge(room, files, results, waiting)
    sys.stdout.write(
        report(results, [file for files in rooms.values() for file in files], survivors=asked.survivors)
    )
    return 0


def _judge(room: str, files: list[str], results: Results, waiting: list[Mutant]) -> None:
    sys.stderr.write(f"{room}: {len(waiting)} mutants\n")

    def work(judge: Judge) -> None:
        for place, mutant in enumerate(waiting, 1):
            verdict, killer = judge.verdict(mutant)
            results.add(mutant, verdict, killer)
            if verdict in (Verdict.SURVIVED, Verdict.NO_TEST):
                sys.stderr.write(_line(mutant, verdict))
            if place % 50 == 0:
                sys.stderr.write(f"{room}: {place} of {len(waiting)}\n")

    chosen = ROOMS.get(room, Room((), ("tests/unit",)))
    times = _PATIENCE if chosen.is_patient else 1
    pytest.main(
        ["-q", "-s", "-p", "no:xdist", "-p", "no:cacheprovider", "-m", _MARKED, *chosen.judges],
        plugins=[Judge(files, work, chosen.with_parts, times)],
    )


def _line(mutant: Mutant, verdict: Verdict) -> str:
    return f"{verdict}: {mutant.file}:{mutant.line}\n    {mutant.before}\n    {mutant.after}\n"


if __name__ == "__main__":
    sys.exit(main())
