"""The laws hold in every storm, and the same seed is the same storm."""

import pytest

from tests.storm.fate import Strike
from tests.storm.found import FOUND
from tests.storm.plan import Act, Plan
from tests.storm.planted import PLANTED
from tests.storm.runner import bug, first_broken, run_seeds
from tests.storm.schedule import run_schedule
from tests.storm.shrink import law_of, shrink
from tests.storm.weather import STORM
from tests.storm.world import Parts
from tests.support.builders.examples import examples

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
SEEDS = range(1, examples(10) + 1)
MOST = 1_000
"""Schedules in which a planted bug must be found."""


def test_every_law_holds_in_ten_storms(storm: Parts) -> None:
    broken = [f"seed {each.plan.seed}: {each.broken}" for each in run_seeds(storm, SEEDS) if each.broken]
    assert broken == []


@pytest.mark.parametrize("plan", FOUND, ids=lambda plan: str(plan.seed))
def test_every_law_holds_in_a_storm_that_once_broke_one(storm: Parts, plan: Plan) -> None:
    assert run_schedule(storm, plan, STORM, frozenset()).broken == ()


def test_the_same_seed_is_the_same_storm_whatever_ran_before(storm: Parts) -> None:
    """Down to the bytes of each object in S3."""
    former, *_, again = run_seeds(storm, (6, 47, 19, 4, 6))
    assert former.struck
    assert former.log == again.log


def test_a_bug_is_found_and_shrunk_to_a_few_steps(storm: Parts) -> None:
    name = "a-manifest-without-a-fence"
    _, found = first_broken(storm, MOST, planted=name)
    assert found is not None
    with bug(name):
        small = shrink(storm, found, STORM, most=12)
    assert law_of(small) == law_of(found)
    assert small.size < found.size


def test_a_writeback_whose_queue_could_not_be_started_is_sent_later(storm: Parts) -> None:
    plan = Plan(1, (Act(14.5, "write", 976),))
    refused = frozenset(Strike("rpc:start", number, "refused") for number in range(1, 40))
    outcome = run_schedule(storm, plan, STORM, refused)
    assert outcome.struck
    assert outcome.broken == ()


@pytest.mark.heavy
@pytest.mark.parametrize("name", sorted(PLANTED))
def test_the_planted_bug_is_found(storm: Parts, name: str) -> None:
    _, found = first_broken(storm, MOST, planted=name)
    assert found is not None, f"{name} was not found in {MOST} storms"
