"""Memory of processes over time: the two sums, and what counts as flat."""

from dataclasses import replace

from cli.local.measurements import ProcessMeter
from cli.local.process_memory import ALL, Held, Look, highest, memory_figures

_HOUR = 3_600.0
_MB = 1_000_000


def _looks(pss_mb: list[int], descriptors: int = 20) -> list[Look]:
    return [{"worker": Held(each * _MB, 2 * each * _MB, descriptors)} for each in pss_mb]


def test_start_middle_end_and_peak_are_of_the_looks_in_their_order() -> None:
    found = memory_figures(_looks([100, 200, 500, 300, 310]), _HOUR)["by_process"]["worker"]
    assert found["pss_mb"] == {"start": 100, "middle": 500, "end": 310, "peak": 500}
    assert found["rss_mb"] == {"start": 200, "middle": 1_000, "end": 620, "peak": 1_000}
    assert found["descriptors"] == {"start": 20, "middle": 20, "end": 20, "peak": 20}


def test_memory_that_grows_until_the_middle_alone_is_flat() -> None:
    found = memory_figures(_looks([100] * 10 + [400] * 20), _HOUR)
    assert (found["flat"], found["growing"]) == (True, [])


def test_memory_that_grows_to_the_end_is_not_flat_and_is_named() -> None:
    found = memory_figures(_looks(list(range(100, 400, 10))), _HOUR)
    assert (found["flat"], found["growing"]) == (False, ["worker", ALL])


def test_one_look_with_much_memory_makes_no_growth() -> None:
    assert memory_figures(_looks([100] * 30 + [900] + [100] * 9), _HOUR)["flat"] is True


def test_descriptors_that_grow_are_not_flat() -> None:
    looks = _looks([100] * 40)
    opened = [{"worker": replace(look["worker"], descriptors=20 + n)} for n, look in enumerate(looks)]
    assert memory_figures(opened, _HOUR)["growing"] == ["worker", ALL]


def test_a_run_of_minutes_does_not_show_whether_memory_is_flat() -> None:
    found = memory_figures(_looks([100, 100, 900]), 60.0)
    assert (found["flat"], found["growing"]) == (None, None)


def test_a_process_that_came_late_held_nothing_before() -> None:
    looks: list[Look] = [{"a": Held(_MB)}, {"a": Held(_MB), "b": Held(5 * _MB)}]
    assert memory_figures(looks, _HOUR)["by_process"]["b"]["pss_mb"]["start"] == 0


def test_the_peak_is_one_moment_of_all_processes_and_no_sum_of_their_own() -> None:
    looks: list[Look] = [{"a": Held(9), "b": Held(1)}, {"a": Held(1), "b": Held(8, 30)}]
    assert highest(looks) == Held(10)
    assert highest([]) == Held()


def test_a_meter_counts_its_own_process_only_where_it_is_named() -> None:
    meters = [ProcessMeter([]), ProcessMeter([], own="own")]
    for meter in meters:
        meter.start()
        meter.stop()
    assert [set(meter.memory()["by_process"]) for meter in meters] == [{ALL}, {ALL, "own"}]
    assert meters[1].cpu_seconds() == {}
    assert 0 < meters[1].peak.pss <= meters[1].peak.rss
