"""Counts of calls to remote systems: the org's APIs, its logins and streams, S3 and KMS."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from clients.metrics.work import OBJECT_STORE_SECONDS, SALESFORCE_CALLS, SALESFORCE_SECONDS
from schemas.governor import LeaseClass

_API = re.compile(r"/services/data/v[\d.]+/(?P<first>\w+)(?:/(?P<second>\w+))?")
_APIS = {
    ("jobs", "query"): "bulk_query",
    ("jobs", "ingest"): "bulk_ingest",
    ("query", None): "query",
    ("queryAll", None): "query",
    ("composite", None): "composite",
    ("sobjects", None): "sobjects",
    ("limits", None): "limits",
    ("tooling", None): "tooling",
}
_BEGAN = "tidegate_began"
_UNPAID = "none"
"""In place of a lease class: logins and the calls of streams are no API calls, and need no
token.
"""
_FIRST_REFUSAL = 400


def api_label(path: str) -> str:
    """The API of a path, of which there are few; `other` for the rest."""
    found = _API.search(path)
    if found is None:
        return "other"
    first, second = found["first"], found["second"]
    return _APIS.get((first, second)) or _APIS.get((first, None)) or "other"


class CallTimer:
    """The outcome and the time of one call."""

    def __init__(self) -> None:
        self.outcome = "lost"
        """Until an answer has come."""

    def answered(self, response: httpx.Response, *, is_throttled: bool) -> None:
        """The org has answered."""
        is_ok = response.is_success or response.status_code == httpx.codes.NOT_MODIFIED
        self.outcome = "ok" if is_ok else "throttled" if is_throttled else "refused"


@contextmanager
def org_call(path: str, lease_class: LeaseClass) -> Iterator[CallTimer]:
    """Count one call to the org; one that ends without an answer is lost."""
    timer, began = CallTimer(), time.perf_counter()
    try:
        yield timer
    finally:
        api = api_label(path)
        SALESFORCE_CALLS.labels(str(lease_class), api, timer.outcome).inc()
        SALESFORCE_SECONDS.labels(api, timer.outcome).observe(time.perf_counter() - began)


def count_unpaid(api: str, outcome: str) -> None:
    """Count one call that needs no token. `outcome`: ok, refused, throttled or lost."""
    SALESFORCE_CALLS.labels(_UNPAID, api, outcome).inc()


def outcome_of(status: int) -> str:
    """Of an HTTP answer."""
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return "throttled"
    return "ok" if status < _FIRST_REFUSAL else "refused"


def meter_aws(client: Any) -> None:
    """Time every request of a boto3 client."""
    events = client.meta.events
    events.register("before-call", _begin)
    events.register("after-call", _end)
    events.register("after-call-error", _fail)


def _begin(model: Any, context: dict[str, Any], **_: Any) -> None:
    context[_BEGAN] = (model.name, time.perf_counter())


def _end(http_response: Any, context: dict[str, Any], **_: Any) -> None:
    _observe(context, "ok" if http_response.status_code < 400 else "refused")


def _fail(context: dict[str, Any], **_: Any) -> None:
    _observe(context, "failed")


def _observe(context: dict[str, Any], outcome: str) -> None:
    if _BEGAN in context:
        operation, began = context.pop(_BEGAN)
        OBJECT_STORE_SECONDS.labels(operation, outcome).observe(time.perf_counter() - began)
