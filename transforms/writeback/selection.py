"""Numbers as people and records of acts write them. Pure."""

from collections.abc import Iterable


def ranges(numbers: Iterable[int]) -> str:
    """Sorted, with runs drawn together: `3, 17-30`; empty for none."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)
