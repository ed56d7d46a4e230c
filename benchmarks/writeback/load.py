"""The writebacks of a benchmark: the same ones for every sender, distinguished by a prefix of their
external ids.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

TEXT = {"Account": "Website", "Case": "Subject", "ServiceRequest__c": "Name", "Payment__c": "Name"}
"""The field by which a writeback's effect is known: one that the store keeps in plaintext."""
_PARENT = {"Case": "Account", "ServiceRequest__c": "Account__r", "Payment__c": "Account__r"}
_REST: Mapping[str, dict[str, Any]] = {
    "Account": {"Name": "of a benchmark"},
    "Case": {"Status": "New"},
    "ServiceRequest__c": {"Status__c": "Submitted"},
    "Payment__c": {"Status__c": "Scheduled", "Amount__c": 10},
}
_SHARES = {"Case": 50, "ServiceRequest__c": 25, "Payment__c": 25}
_CHANGES = 0.3
"""Share of the writebacks that change a record which an earlier one has made."""
_SIZES = (1, 5, 20, 100, 500, 1_000, 2_000)
_READY_SECONDS = 60
_CHILDREN = 40
"""Of an account, on the average."""


@dataclass(frozen=True)
class Load:
    """So many writebacks; the first ones make the accounts that the others belong to."""

    count: int
    prefix: str
    seed: int = 1

    def items(self) -> Iterator[dict[str, Any]]:
        """In the order in which they are submitted, as the API takes them."""
        draw = Random(self.seed)  # noqa: S311 -- the same writebacks each time
        accounts = max(1, self.count // _CHILDREN)
        made: dict[str, list[tuple[str, str]]] = {name: [] for name in _SHARES}
        for number in range(self.count):
            if number < accounts:
                yield self._item("Account", f"{self.prefix}-A-{number}", number)
                continue
            name = draw.choices(list(_SHARES), list(_SHARES.values()))[0]
            if made[name] and draw.random() < _CHANGES:
                external_id, parent = draw.choice(made[name])
            else:
                external_id = f"{self.prefix}-{name[0]}-{number}"
                parent = f"{self.prefix}-A-{draw.randrange(accounts)}"
                made[name].append((external_id, parent))
            yield self._item(name, external_id, number, parent)

    def requests(self) -> Iterator[list[dict[str, Any]]]:
        """The same in requests of mixed sizes."""
        draw = Random(self.seed)  # noqa: S311
        some: list[dict[str, Any]] = []
        sizes = [size for size in _SIZES if size <= max(self.count // 20, 1)]
        size = draw.choice(sizes)
        for item in self.items():
            some.append(item)
            if len(some) == size:
                yield some
                some, size = [], draw.choice(sizes)
        if some:
            yield some

    def _item(self, name: str, external_id: str, number: int, parent: str = "") -> dict[str, Any]:
        relation = {_PARENT[name]: {"ExternalId__c": parent}} if parent else {}
        fields = {TEXT[name]: text_of(number), **_REST[name], **relation}
        key = f"{self.prefix}-{number}"
        return {"object": name, "external_id": external_id, "key": key, "fields": fields}


def wait_for_api(url: str) -> None:
    """Return when the HTTP API can accept; raises what httpx does when it does not within a
    minute.
    """
    until = time.monotonic() + _READY_SECONDS
    while True:
        try:
            httpx.get(f"{url}/readyz", timeout=5, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def text_of(number: int) -> str:
    """The value that a writeback writes into its record's `TEXT`: no two write the same."""
    return f"writeback {number}"


def last_texts(items: Iterator[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """Object and external id -> what the last of the record's writebacks writes."""
    return {(item["object"], item["external_id"]): item["fields"][TEXT[item["object"]]] for item in items}
