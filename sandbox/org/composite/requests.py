"""A list of subrequests that may refer to one another, read from a body and run in order: composite
requests and graphs alike.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.org.composite.dispatch import Subrequest, Subresponse, perform, perform_at_once
from sandbox.org.composite.errors import halted, invalid_request
from sandbox.org.composite.references import resolved
from sandbox.org.errors import SalesforceError
from sandbox.org.rest.call import Call
from sandbox.org.schema.jackson import told

_REFERENCE_ID = re.compile(r"\w+", re.ASCII)
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"})
_FORBIDDEN_HEADERS = frozenset({"accept", "authorization", "content-type"})


@dataclass(frozen=True, slots=True)
class Step:
    """A subrequest as written: its references still stand in it."""

    reference_id: str
    method: str
    url: str
    body: Any
    headers: Mapping[str, str]

    def with_answers(self, answers: Mapping[str, Any]) -> Subrequest:
        """Raises PROCESSING_HALTED for a reference to nothing."""
        url = str(resolved(self.url, answers))
        return Subrequest(self.method, url, resolved(self.body, answers), self.headers)


class _RolledBackError(Exception):
    """Leaves the batch, so that it is undone."""


def steps_of(body: Mapping[str, Any]) -> list[Step]:
    """`compositeRequest` of a body; raises for what is not well formed."""
    entries = body.get("compositeRequest")
    if not isinstance(entries, list) or not entries:
        raise SalesforceError("MISSING_ARGUMENT", "The required field 'compositeRequest' is missing or empty")
    steps = [_step(entry) for entry in entries]
    seen: set[str] = set()
    for step in steps:
        if step.reference_id in seen:
            raise invalid_request(f"The reference id is not unique: {step.reference_id}")
        seen.add(step.reference_id)
    return steps


def _step(entry: Any) -> Step:
    if not isinstance(entry, dict):
        raise invalid_request("A subrequest must be an object")
    method, url, reference_id = (entry.get(name) for name in ("method", "url", "referenceId"))
    if not isinstance(reference_id, str) or not _REFERENCE_ID.fullmatch(reference_id):
        raise invalid_request(f"Provided referenceId is invalid: {told(reference_id)}")
    if not isinstance(method, str) or method.upper() not in _METHODS:
        raise invalid_request(f"Provided method is invalid: {told(method)}")
    if not isinstance(url, str) or not url.startswith("/services/data/v"):
        raise invalid_request(f"Provided url is invalid: {told(url)}")
    headers = entry.get("httpHeaders") or {}
    if not isinstance(headers, dict) or not all(isinstance(each, str) for each in headers.values()):
        raise invalid_request("httpHeaders must be an object of strings")
    for name in headers:
        if name.lower() in _FORBIDDEN_HEADERS:
            raise invalid_request(f"The header is not allowed in a subrequest: {name}")
    return Step(reference_id, method, url, entry.get("body"), headers)


async def run(call: Call, steps: Sequence[Step]) -> list[Subresponse]:
    """Each by itself, in order; one that refers to a failed one fails too."""
    answers: dict[str, Any] = {}
    found = []
    for step in steps:
        found.append(await _one(call, step, answers, perform))
        if not found[-1].failed:
            answers[step.reference_id] = found[-1].body
    return found


def run_all_or_none(call: Call, steps: Sequence[Step]) -> tuple[list[Subresponse], bool]:
    """All in one transaction, and whether it was committed; otherwise the innocent ones hear
    PROCESSING_HALTED.
    """
    found: list[Subresponse] = []
    try:
        with call.org.batch() as batch:
            for response in _at_once(call, steps):
                found.append(response)
                # A collection that was all-or-none itself has failed although it answers 200.
                _require(not response.failed and not batch.is_spoilt)
    except _RolledBackError:
        innocent = Subresponse.refusal(halted())
        return [*[innocent] * (len(found) - 1), found[-1], *[innocent] * (len(steps) - len(found))], False
    return found, True


def _at_once(call: Call, steps: Sequence[Step]) -> Iterator[Subresponse]:
    answers: dict[str, Any] = {}
    for step in steps:
        try:
            response = perform_at_once(call, step.with_answers(answers))
        except SalesforceError as error:
            response = Subresponse.refusal(error)
        answers[step.reference_id] = response.body
        yield response


def _require(succeeded: bool) -> None:  # noqa: FBT001 -- reads as a sentence where it is called
    if not succeeded:
        raise _RolledBackError


async def _one(
    call: Call,
    step: Step,
    answers: Mapping[str, Any],
    perform: Callable[[Call, Subrequest], Awaitable[Subresponse]],
) -> Subresponse:
    try:
        sub = step.with_answers(answers)
    except SalesforceError as error:
        return Subresponse.refusal(error)
    return await perform(call, sub)


def response_body(steps: Sequence[Step], found: Sequence[Subresponse]) -> dict[str, object]:
    """`{"compositeResponse": […]}`."""
    return {
        "compositeResponse": [
            {
                "body": response.body,
                "httpHeaders": dict(response.headers),
                "httpStatusCode": response.status,
                "referenceId": step.reference_id,
            }
            for step, response in zip(steps, found, strict=True)
        ]
    }
