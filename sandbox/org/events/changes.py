"""Change events as CometD carries them, built as bytes: header and body are each written once and
never parsed again.

Change Data Capture Developer Guide, "ChangeEventHeader Fields" and "Change Event Body": a create
and an undelete carry the fields that hold something, an update those that changed (null when
emptied), a delete none.
"""

import difflib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from sandbox.org.events.event_schema import event_fields, event_schema, schema_id
from sandbox.org.schema.exact import EXACT_OPTION, known, shown
from sandbox.org.schema.fields import NUMBERS, Value
from schemas.catalogue import FieldType, ObjectSpec
from schemas.salesforce.limits import DIFF_MIN_CHARACTERS

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_STAMP_SECONDS = len("2017-07-25T19:16:44")


@dataclass(slots=True)
class Header:
    """The header that all events of one transaction share. Not frozen, like `Operation`, for
    speed.
    """

    origin: str
    """`changeOrigin`, such as `com/salesforce/api/rest/67.0;client=x`; empty for a change that came
    from no API.
    """
    transaction_key: str
    timestamp_ms: int
    """Epoch ms, whole seconds."""
    commit_number: int
    user: str
    """Id of the user who committed."""


class EventShape:
    """How the fields of one object stand in the body of its events."""

    def __init__(self, spec: ObjectSpec) -> None:
        self.entity = spec.name
        fields = event_fields(spec)
        self._datetimes = frozenset(n for n, f in fields.items() if f.type is FieldType.DATETIME)
        self._texts = frozenset(n for n, f in fields.items() if f.type is FieldType.TEXTAREA)
        self._parts = {n: (f.part_of, f.part or n) for n, f in fields.items() if f.part_of is not None}
        self._switchable = frozenset(place[0] for place in self._parts.values()) & fields.keys()
        """Names that are a text in some records and an object of parts in others: Name of accounts
        that may be persons.
        """
        self._untold = spec.fields.keys() - fields.keys()
        self._odd = self._switchable | self._untold
        self._booleans = frozenset(n for n, f in spec.fields.items() if f.type is FieldType.BOOLEAN)
        self._numbers = frozenset(n for n, f in spec.fields.items() if f.type in NUMBERS)
        self._special = self._datetimes | self._parts.keys() | self._odd
        self.schema = schema_id(event_schema(spec))
        """Fingerprint of the object's fields; it changes when a field is added or changed."""

    def whole(self, values: Mapping[str, Value]) -> bytes:
        """The body of a create or an undelete: what is not empty."""
        body: dict[str, object] = {}
        special = self._special
        for name, value in values.items():
            if value is not None:
                if name in special:
                    self._put(body, name, value)
                else:
                    body[name] = value
        return orjson.dumps(body, shown, EXACT_OPTION)

    def changed(self, values: Mapping[str, Value], old: Mapping[str, Value]) -> bytes:
        """The body of an update: new `values` of the fields that changed, a diff where a long text
        did.
        """
        body: dict[str, object] = {}
        for name, value in values.items():
            before = old.get(name)
            if (
                type(before) is str
                and len(before) > DIFF_MIN_CHARACTERS
                and name in self._texts
                and type(value) is str
            ):
                body[name] = {"diff": text_diff(before, value)}
            elif name in self._special:
                self._put(body, name, value)
            else:
                body[name] = value
        return orjson.dumps(body, shown, EXACT_OPTION)

    def told(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names of changed fields as a header lists them: `Name.LastName` (CDC Developer Guide,
        "Get Compound Fields in Change Events").
        """
        made_of_parts = {self._parts[name][0] for name in names if name in self._parts}
        return tuple(
            ".".join(self._parts[name]) if name in self._parts else name
            for name in names
            if name not in made_of_parts and name not in self._untold
        )

    def from_row(self, row: Mapping[str, Value]) -> dict[str, Value]:
        """Values as they are before storage, from a stored row."""
        found: dict[str, Any] = dict(row)
        for name in self._booleans & row.keys():
            if found[name] in (0, 1):
                found[name] = bool(found[name])
        for name in self._numbers & row.keys():
            found[name] = known(found[name])
        return found

    def _put(self, body: dict[str, object], name: str, value: Value) -> None:
        if self._odd and name in self._odd and (name in self._untold or isinstance(body.get(name), dict)):
            return
        told = value
        if name in self._datetimes and type(value) is str:
            # A text that an unchecked write has left may be no stamp.
            told = f"{value[:_STAMP_SECONDS]}Z" if value.endswith("Z") else value
        place = self._parts.get(name)
        if place is None:
            body[name] = told
            return
        compound, part = place
        inner = body.get(compound)
        if type(inner) is not dict:
            inner = body[compound] = {}
        inner[part] = told


class Change(NamedTuple):
    """The part of an event that is its own within a transaction."""

    kind: str
    """`changeType`, such as `UPDATE` or `GAP_UPDATE`."""
    record_ids: Sequence[str]
    sequence: int
    """The place of the event in its transaction."""
    replay_id: int
    body: bytes
    """The changed values, as a JSON object."""
    changed_fields: Sequence[str] | None = None
    """None leaves the header's list out, as the Streaming API does by default."""


def event_json(shape: EventShape, header: Header, change: Change) -> bytes:
    """The `data` object of a message."""
    kind, record_ids, sequence, replay_id, body, changed_fields = change
    extra = "" if changed_fields is None else f',"changedFields":{_json(tuple(changed_fields))}'
    ids = '","'.join(record_ids)
    head = (
        f'{{"schema":"{shape.schema}","payload":{{"ChangeEventHeader":{{"entityName":"{shape.entity}","recordIds":["{ids}"],'
        f'"changeType":"{kind}","changeOrigin":{_json(header.origin)},'
        f'"transactionKey":"{header.transaction_key}","sequenceNumber":{sequence},'
        f'"commitTimestamp":{header.timestamp_ms},"commitNumber":{header.commit_number},"commitUser":"{header.user}"{extra}}}'
    ).encode()
    # The body is an object already; its members continue the one that the header opened.
    return b'%b%b%b,"event":{"replayId":%d}}' % (head, b"" if body == b"{}" else b",", body[1:], replay_id)


@lru_cache(maxsize=1_024)
def _json(value: str | tuple[str, ...]) -> str:
    return orjson.dumps(value).decode()


def text_diff(old: str, new: str) -> str:
    """The unified diff that stands for a long text. The hash is of the text *before* the change.

    "Change Events for Large Text Fields": so a subscriber can tell whether it holds the text
    that the diff starts from.
    """
    digest = hashlib.sha256(old.encode()).hexdigest()
    lines = difflib.unified_diff(_LINE_BREAK.split(old), _LINE_BREAK.split(new), n=0, lineterm="")
    hunks = [_counted(line) if line.startswith("@@") else line for line in list(lines)[2:]]
    return "\n".join([f"--- \n+++ {digest}", *hunks])


def _counted(line: str) -> str:
    """`@@ -2 +2 @@` as Salesforce writes it: `@@ -2,1 +2,1 @@`."""
    return re.sub(r"([-+]\d+)(?= )", r"\1,1", line)
