"""Problems of releases that run side by side."""

from datetime import timedelta

from schemas import names
from schemas.deployment import DeploymentStatus, VersionStatus
from schemas.status import EngineStatus, Health, QueueStatus, RoleStatus
from tests.unit.status.looks import NOW, codes, look

QUEUE = names.BATCH_QUEUE


def served(*builds: str) -> tuple[RoleStatus, ...]:
    """One role with one queue, polled by workers of these builds."""
    versions = dict.fromkeys((f"tidegate-o:{each}" for each in builds), 1)
    queue = QueueStatus(
        queue=QUEUE,
        kind="activity",
        pollers=len(builds),
        versions=versions,
        polled_at=NOW,
        backlog=0,
        oldest=timedelta(0),
    )
    return (RoleStatus(role="batches", health=Health.UP, queues=(queue,)),)


def version(build_id: str, *, polls: bool = True, pinned: int = 0) -> VersionStatus:
    pollers = dict.fromkeys((QUEUE, names.WORKFLOW_QUEUE, names.WRITEBACK_QUEUE), 1) if polls else {}
    return VersionStatus(build_id=build_id, state="", pollers=pollers, pinned_runs=pinned)


def versioned(*versions: VersionStatus, current: str, ramping: str = "") -> EngineStatus:
    found = DeploymentStatus(name="tidegate-o", current=current, ramping=ramping, versions=versions)
    polling = [each.build_id for each in versions if each.pollers]
    return look(is_versioned=True, deployment=found, roles=served(*polling))


def test_releases_side_by_side_are_no_problem():
    assert codes(versioned(version("new"), version("old", pinned=3), current="new")) == []


def test_work_without_workers_of_the_version_that_has_it_is_a_page():
    found = versioned(version("new"), version("old", polls=False), current="old")
    assert codes(found) == [("page", "deployment.missing", "old")]
    assert QUEUE in found.problems[0].text


def test_a_share_without_workers_is_a_page():
    found = versioned(version("new", polls=False), version("old"), current="old", ramping="new")
    assert codes(found) == [("page", "deployment.missing", "new")]


def test_versioned_workers_without_a_current_version_are_a_page():
    found = versioned(version("new"), current="")
    assert codes(found) == [("page", "deployment.missing", "tidegate-o")]


def test_pinned_runs_whose_workers_are_gone_are_a_ticket():
    found = versioned(version("new"), version("old", polls=False, pinned=3), current="new")
    assert codes(found) == [("ticket", "deployment.stranded", "old")]
    assert found.problems[0].remedy.startswith("tidegate deployment move old")


def test_only_a_missing_worker_of_a_queue_that_others_poll_is_told():
    found = versioned(version("old", polls=False), current="old")
    assert codes(found) == [], "the role is missing, and says so"
    assert codes(versioned(current="gone")) == []
    gone = versioned(version("new"), current="gone")
    assert codes(gone) == [("page", "deployment.missing", "gone")]
    assert gone.problems[0].text == f"it has the work, and none of its workers polls {QUEUE}"


def test_without_a_current_version_only_workers_of_a_version_are_told():
    assert codes(versioned(version("old", polls=False), current="")) == []
    mixed = versioned(version("new", polls=False), version("old"), current="")
    assert mixed.problems[0].remedy.startswith("tidegate deployment set-current new ")


def test_pinned_runs_are_stranded_by_any_queue_that_nobody_polls():
    part = version("old", pinned=1_200).model_copy(update={"pollers": {QUEUE: 1, names.WRITEBACK_QUEUE: 1}})
    found = versioned(version("new"), part, current="new")
    assert codes(found) == [("ticket", "deployment.stranded", "old")]
    assert found.problems[0].text == (
        f"1,200 open runs wait for its workers, and none polls {names.WORKFLOW_QUEUE}"
    )
    idle = version("old", polls=False)
    assert codes(versioned(version("new"), idle, current="new")) == []
    assert codes(versioned(version("new", pinned=3, polls=False), current="new")) == []


def test_versions_that_are_not_known_are_named_as_unknown():
    assert look(is_versioned=True).unknown == ("deployment",)
