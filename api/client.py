"""A client for programs of other teams that hand in writebacks. It needs httpx and nothing else of
this project; it may be copied.

    with TidegateClient("https://tidegate.example.org", token) as tidegate:
        change = {"object": "Case", "external_id": "C-1", "key": "C-1-day-7",
                  "fields": {"Status": "Decided"}}
        result = tidegate.submit([change])

A request without an answer is sent again with the same keys, which does nothing twice.
"""

import time
import uuid
from collections.abc import Iterable, Mapping
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
    """The outcome of each writeback: `accepted` (index, key, number, is_new) and `refused` (index,
    key, field, message).

    `index` is the place of each among all that were given.
    """

    accepted: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)


class TidegateClient:
    """One API and one token. Methods block."""

    def __init__(
        self, url: str, token: str, *, tries: int = 6, transport: httpx.BaseTransport | None = None
    ) -> None:
        """`tries`: of one request, before its last error is raised. `transport` None: the
        network.
        """
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=url, timeout=60, headers=headers, transport=transport)
        self._tries = tries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def submit(self, writebacks: Iterable[Mapping[str, Any]]) -> Submitted:
        """Hand in writebacks, as many as there are; what comes back accepted is durable.

        One without a `key` gets one made up, which is safe against lost answers, but not against
        a second call of this method.

        Raises `RequestRefusedError` for a request as a whole (token, role),
        `httpx.TransportError` without an answer after every try.
        """
        result, first = Submitted(), 0
        keyed = ({"key": str(uuid.uuid4()), **each} for each in writebacks)
        while chunk := list(islice(keyed, MOST_OF_A_REQUEST)):
            self._submit(chunk, first, result)
            first += len(chunk)
        return result

    def writeback(self, number: int) -> dict[str, Any]:
        """Where a writeback stands, with every attempt."""
        found: dict[str, Any] = successful(self._asked("GET", f"/v1/writebacks/{number}")).json()
        return found

    def _submit(self, chunk: list[dict[str, Any]], first: int, result: Submitted) -> None:
        response = self._asked("POST", "/v1/writebacks", json={"writebacks": chunk})
        if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE and len(chunk) > 1:
            half = len(chunk) // 2
            self._submit(chunk[:half], first, result)
            self._submit(chunk[half:], first + half, result)
            return
        if "writebacks-refused" in response.text[:100]:
            answer = {
                "accepted": [],
                "refused": [_refusal(each, chunk) for each in response.json()["errors"]],
            }
        else:
            answer = successful(response).json()
        result.accepted += ({**each, "index": each["index"] + first} for each in answer["accepted"])
        result.refused += ({**each, "index": each["index"] + first} for each in answer["refused"])

    def _asked(self, method: str, path: str, **more: Any) -> httpx.Response:
        for left in range(self._tries - 1, -1, -1):
            wait = _FIRST_WAIT_SECONDS * 2 ** (self._tries - 1 - left)
            try:
                response = self._http.request(method, path, **more)
            except httpx.TransportError:
                if not left:
                    raise
            else:
                if not left or response.status_code not in _AGAIN:
                    return response
                asked = response.headers.get("Retry-After", "")
                wait = max(wait, float(asked)) if asked.isdigit() else wait
            time.sleep(min(wait, _LONGEST_WAIT_SECONDS))
        raise ValueError("tries must be at least 1")


def _refusal(error: Mapping[str, str], chunk: list[dict[str, Any]]) -> dict[str, Any]:
    """From `body.writebacks.3.fields.Status`."""
    index, _, where = error["field"].removeprefix("body.writebacks.").partition(".")
    return {"index": int(index), "key": chunk[int(index)]["key"], "field": where, "message": error["message"]}


def successful(response: httpx.Response) -> httpx.Response:
    """The response, which is a good answer. Raises `RequestRefusedError` for any other."""
    if not response.is_success:
        is_problem = response.headers.get("content-type", "").startswith("application/problem+json")
        raise RequestRefusedError(response.status_code, response.json() if is_problem else {})
    return response
