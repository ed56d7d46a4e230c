"""The registry of a process: its families, its build, its memory and processor time."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry(auto_describe=True)
"""Everything that this process counts. Its state collector, if it has one, is added to it."""
ProcessCollector(registry=REGISTRY)

_BUILD = Gauge(
    "tidegate_build_info",
    "The release that a process runs; always 1.",
    ["version", "role"],
    registry=REGISTRY,
)


def name_process(process: str) -> None:
    """Name this process: a worker's role, `api` or `metrics`."""
    try:
        release = version("tidegate")
    except PackageNotFoundError:
        release = "unknown"
    _BUILD.clear()
    _BUILD.labels(release, process).set(1)
