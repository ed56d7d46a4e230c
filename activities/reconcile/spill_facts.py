"""Facts of records divided over files by id: part by part, a comparison needs memory for one of
them only.
"""

from pathlib import Path

import numpy as np

from transforms.reconcile.row_digests import FACTS, Facts, partition


def spill_facts(facts: Facts, count: int, folder: Path, side: str) -> None:
    """Append the facts to the `count` files of a side. A record is in the same part on both
    sides.
    """
    if not len(facts):
        return
    numbers = partition(facts, count)
    order = np.argsort(numbers, kind="stable")
    bounds = np.searchsorted(numbers[order], np.arange(count + 1))
    for number in range(count):
        with (folder / f"{side}-{number}").open("ab") as file:
            facts[order[bounds[number] : bounds[number + 1]]].tofile(file)


def spilled_facts(folder: Path, side: str, number: int) -> Facts:
    """The facts of one part of a side; empty when it has none."""
    path = folder / f"{side}-{number}"
    return np.fromfile(path, FACTS) if path.exists() else np.empty(0, FACTS)
