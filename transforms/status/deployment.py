"""Problems of releases that run side by side."""

from collections.abc import Iterator

from schemas.deployment import QUEUES_OF_PINNED_RUNS, DeploymentStatus, VersionStatus
from schemas.status import Problem
from schemas.status_facts import LookFacts
from transforms.status.problem import problem


def deployment_problems(facts: LookFacts) -> Iterator[Problem]:
    """None where the deployment was not answered: `unknown` names it then."""
    found = facts.deployment
    if found is None:
        return
    polled = {queue.queue for role in facts.roles or () for queue in role.queues if queue.pollers}
    yield from _missing(found, polled)
    for version in found.versions:
        yield from _stranded(found, version)


def _missing(found: DeploymentStatus, polled: set[str]) -> Iterator[Problem]:
    """Queues that others poll; where nobody does, `role.missing` says so."""
    if not found.current:
        if any(each.pollers for each in found.versions):
            newest = found.versions[0].build_id
            text = "no version is current, so workers of a version get no work"
            remedy = f'tidegate deployment set-current {newest} --reason "…"'
            yield problem("deployment.missing", text, remedy, subject=found.name)
        return
    for build_id, takes in ((found.current, "has"), (found.ramping, "has a share of")):
        version = found.version(build_id)
        idle = sorted(polled - (version.pollers.keys() if version else set())) if build_id else []
        if idle:
            text = f"it {takes} the work, and none of its workers polls {', '.join(idle)}"
            remedy = f"start workers of {build_id}, or tidegate deployment set-current another"
            yield problem("deployment.missing", text, remedy, subject=build_id)


def _stranded(found: DeploymentStatus, version: VersionStatus) -> Iterator[Problem]:
    if version.build_id == found.current or not version.pinned_runs:
        return
    idle = [queue for queue in QUEUES_OF_PINNED_RUNS if queue not in version.pollers]
    if idle:
        text = f"{version.pinned_runs:,} open runs wait for its workers, and none polls {', '.join(idle)}"
        remedy = f'tidegate deployment move {version.build_id} --reason "…"'
        yield problem("deployment.stranded", text, remedy, subject=version.build_id)
