"""The version that this process's workers are of."""

import os
from importlib.metadata import PackageNotFoundError, version

from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

from schemas.errors import SettingsError
from schemas.settings.deployment import COMMIT_VARIABLE
from workers.settings import Settings


def deployment_name(settings: Settings) -> str | None:
    """The engine's Worker Deployment; None = workers are of no version."""
    if not settings.deployment.on:
        return None
    return settings.deployment.name or f"tidegate-{settings.salesforce.org_id}"


def own_version(settings: Settings) -> WorkerDeploymentVersion | None:
    """The version of this process's workers; None = they are of none.

    Raises:
        SettingsError: Versioning is on, and nothing says which build this is.
    """
    name = deployment_name(settings)
    if name is None:
        return None
    build_id = settings.deployment.build_id or os.environ.get(COMMIT_VARIABLE)
    if not build_id:
        raise SettingsError(
            "TIDEGATE_DEPLOYMENT__ON is true, and the build is not known: the image names no commit. "
            "Set TIDEGATE_DEPLOYMENT__BUILD_ID, or build the image with --build-arg COMMIT=…."
        )
    return WorkerDeploymentVersion(name, build_id)


def deployment_config(settings: Settings) -> WorkerDeploymentConfig | None:
    """How this process's workers poll; None = as workers without a version."""
    version = own_version(settings)
    return None if version is None else config_of(version)


def config_of(version: WorkerDeploymentVersion) -> WorkerDeploymentConfig:
    """How workers of a version poll: runs upgrade where `workflows/pinned.py` does not pin them."""
    return WorkerDeploymentConfig(
        version,
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


def build_of(deployment: WorkerDeploymentConfig | None) -> str | None:
    """Build ID of workers that poll so; None = their version says it.

    Without one the SDK reads and hashes every module that is imported, which is half of what a
    worker needs from its imports to its first poll.
    """
    if deployment is not None:
        return None
    try:
        return os.environ.get(COMMIT_VARIABLE) or version("tidegate")
    except PackageNotFoundError:
        return "unknown"
