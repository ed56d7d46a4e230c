"""A client for programs of other teams that hand in writebacks. It needs httpx and nothing else of this project; it may be copied.

    with TidegateClient("https://tidegate.example.org", token) as tidegate:
        result = tidegate.submit([{"object": "Case", "external_id": "C-1", "key": "day-7-C-1", "fields": {"Status": "Decided"}}])

A request without an answer is sent again with the same keys, which does nothing twice.
"""

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self

import httpx

MOST_OF_A_REQUEST = 10_000
_AGAIN = frozenset({429, 502, 503, 504})
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0


class RequestRefusedError(Exception):
    """The API refuses a request as a whole; `problem` is what it says (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        super().__init__(f"{status} {problem.get('type', '')}: {problem.get('detail', 'no detail')}")


@dataclass
class Submitted:
    """What became of writebacks; `index` is the place of each among all that were given."""

    accepted: list[dict[str, Any]] = field(default_factory=list)
    """index, key, number, is_new."""
    refused: list[dict[str, Any]] = field(default_factory=list)
    """index, key, field, message."""


class TidegateClient:
    """One API and one token. Methods block."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        tries: int = 6,
        timeout_seconds: float = 60,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`tries`: of one request, before its last error is raised. `transport` None: the network."""
        self._http = httpx.Client(
            base_url=url,
            timeout=timeout_seconds,
            headers={"Authorization": f"Bearer {token}"},
            transport=transport,
        )
        self._tries = tries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def submit(self, writebacks: Iterable[Mapping[str, Any]]) -> Submitted:
        """Hand in writebacks, as many as there are, 10,000 a request; what comes back accepted is durable.

        One without a `key` gets one made up, which is safe against lost answers, but not against a second call of this method.

        Raises:
            RequestRefusedError: A request as a whole: token, role, size.
            httpx.TransportError: No answer after every try.
        """
        result, first = Submitted(), 0
        for chunk in _chunks(writebacks):
            answer = self._submitted(chunk)
            for given, kept in ((answer.accepted, result.accepted), (answer.refused, result.refused)):
                kept += ({**each, "index": each["index"] + first} for each in given)
            first += len(chunk)
        return result

    def writeback(self, number: int) -> dict[str, Any]:
        """Where a writeback stands, with every attempt."""
        response = self._asked("GET", f"/v1/writebacks/{number}")
        _require_success(response)
        found: dict[str, Any] = response.json()
        return found

    def _submitted(self, chunk: list[dict[str, Any]]) -> Submitted:
        response = self._asked("POST", "/v1/writebacks", json={"writebacks": chunk})
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            problem = response.json()
            if problem["type"].endswith(":writebacks-refused"):
                return Submitted(refused=[_refusal(each, chunk) for each in problem["errors"]])
        _require_success(response)
        return Submitted(**response.json())

    def _asked(self, method: str, path: str, **more: Any) -> httpx.Response:
        wait = _FIRST_WAIT_SECONDS
        for last in (*[False] * (self._tries - 1), True):
            try:
                response = self._http.request(method, path, **more)
            except httpx.TransportError:
                if last:
                    raise
            else:
                if last or response.status_code not in _AGAIN:
                    return response
                asked = response.headers.get("Retry-After", "")
                wait = max(wait, float(asked)) if asked.isdigit() else wait
            time.sleep(min(wait, _LONGEST_WAIT_SECONDS))
            wait *= 2
        raise AssertionError


def _chunks(writebacks: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    keyed = ({"key": str(uuid.uuid4()), **each} for each in writebacks)
    while chunk := list(islice(keyed, MOST_OF_A_REQUEST)):
        yield chunk


def _refusal(error: Mapping[str, str], chunk: list[dict[str, Any]]) -> dict[str, Any]:
    """From `body.writebacks.3.fields.Status`."""
    index, _, where = error["field"].removeprefix("body.writebacks.").partition(".")
    return {"index": int(index), "key": chunk[int(index)]["key"], "field": where, "message": error["message"]}


def _require_success(response: httpx.Response) -> None:
    if response.is_success:
        return
    is_problem = response.headers.get("content-type", "").startswith("application/problem+json")
    raise RequestRefusedError(response.status_code, response.json() if is_problem else {})
