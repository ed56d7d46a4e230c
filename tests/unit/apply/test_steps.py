"""Groups of a turn take their steps side by side, and an error has its group."""

from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa
import pytest

from activities.apply.steps import (
    Fault,
    GroupFailedError,
    SharedLoadError,
    Steps,
    take_steps,
    take_steps_apart,
)
from clients.warehouse import Load, Transaction


class Noted:
    """Writes down which loads came together; refuses those of one table."""

    def __init__(self, refuses: str = "") -> None:
        self.rounds: list[list[str]] = []
        self._refuses = refuses

    def load_all(self, loads: Sequence[Load]) -> None:
        self.rounds.append([load.table for load in loads])
        if self._refuses in self.rounds[-1]:
            raise ZeroDivisionError


def taken(noted: Noted) -> Transaction:
    return cast(Transaction, noted)


def group(name: str, rounds: int) -> Steps[str]:
    for number in range(rounds):
        yield [Load(f"{name}{number}", (), pa.table({}))]
    return name


def test_loads_of_all_groups_travel_together() -> None:
    noted = Noted()
    results = take_steps(taken(noted), [group("a", 2), group("b", 1), group("c", 2)], Fault())
    assert results == ["a", "b", "c"]
    assert noted.rounds == [["a0", "b0", "c0"], ["a1", "c1"]]


def test_a_load_that_fails_beside_others_is_nobodys_fault() -> None:
    fault, noted = Fault(), Noted("b1")
    with pytest.raises(SharedLoadError), fault.named():
        take_steps(taken(noted), [group("a", 2), group("b", 2)], fault)


@pytest.mark.parametrize(("refused", "place"), [("a1", 0), ("b0", 1)])
def test_groups_that_load_apart_have_each_error_to_themselves(refused: str, place: int) -> None:
    fault, noted = Fault(), Noted(refused)
    with pytest.raises(GroupFailedError) as failed, fault.named():
        take_steps_apart(taken(noted), [group("a", 2), group("b", 2)], fault)
    assert (failed.value.place, type(failed.value.cause)) == (place, ZeroDivisionError)


def test_a_load_that_fails_alone_is_its_groups_fault() -> None:
    fault, noted = Fault(), Noted("b1")
    with pytest.raises(GroupFailedError) as failed, fault.named():
        take_steps(taken(noted), [group("a", 1), group("b", 2)], fault)
    assert failed.value.place == 1


def test_a_step_that_fails_is_its_groups_fault() -> None:
    def failing() -> Steps[Any]:
        yield []
        raise ZeroDivisionError

    fault = Fault()
    with pytest.raises(GroupFailedError) as failed, fault.named():
        take_steps(taken(Noted()), [group("a", 3), failing()], fault)
    assert failed.value.place == 1
