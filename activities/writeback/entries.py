"""From a batch's rows in the store to entries with their values in plaintext, and back to tokens.
Clear values stay in memory (law 7).
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from clients.writeback.batch_queries import StoredWriteback
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.writeback.messages import WritebackState
from transforms.pii import Protector, is_misfit_token, is_token
from transforms.writeback.batching import merged_fields
from transforms.writeback.facts import Outcome, ToSend
from transforms.writeback.field_rules import object_rules

_OTHER_KEY = "Its personal values were encrypted with a key that is not the org's present one. Put that key back and retry, or discard."


def entries_to_send(
    rows: Sequence[StoredWriteback], catalogue: Catalogue, object_name: str, protector: Protector
) -> tuple[list[ToSend], dict[str, Outcome]]:
    """One entry a record, in the order of the first acceptance; and record -> outcome of those that
    nobody can send any more: the catalogue has changed since they were accepted, or the key of
    their tokens is not ours.
    """
    if object_name not in catalogue.objects:
        return [], dict.fromkeys((row.record for row in rows), _unsendable(object_name))
    clear = _Clear(catalogue, object_name, protector)
    by_record = sorted(rows, key=lambda row: (row.record, row.number))
    entries: list[ToSend] = []
    left: dict[str, Outcome] = {}
    for record, members in groupby(by_record, key=lambda row: row.record):
        try:
            entries.append(_entry(list(members), clear))
        except KeyError as error:
            left[record] = _unsendable(f"{object_name}.{error.args[0]}")
        except ValueError:
            left[record] = Outcome(WritebackState.DEAD, "not_readable", _OTHER_KEY, is_try=False)
    return sorted(entries, key=lambda entry: entry.numbers[0]), left


def _unsendable(name: str) -> Outcome:
    reason = f"The catalogue has no {name} any more. Put it back and retry, or discard."
    return Outcome(WritebackState.DEAD, "not_in_catalogue", reason, is_try=False)


def protected(values: Mapping[str, Any], spec: ObjectSpec, protector: Protector) -> dict[str, Any]:
    """Values as the store keeps them: those of PII fields, and of fields that the catalogue lacks,
    as tokens.
    """
    return {
        name: value
        if value is None or (name in spec.fields and not spec.fields[name].is_protected)
        else protector.encrypt_writeback(f"{spec.name}.{name}", value)
        for name, value in values.items()
    }


class _Clear:
    """The plaintext of tokens. The field tells a token: a text of a field without PII may look like
    one.
    """

    def __init__(self, catalogue: Catalogue, object_name: str, protector: Protector) -> None:
        self._rules = object_rules(catalogue, object_name, None)
        self._protector = protector

    def value(self, name: str, value: Any) -> Any:
        """A field's value, or a parent's external id under the name of its relationship."""
        if isinstance(value, Mapping):
            keys = self._rules.parents[name].keys
            return {key: self._decrypted(keys[key].context, each) for key, each in value.items()}
        return self._decrypted(self._rules.fields[name].context, value)

    def values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.value(name, value) for name, value in values.items()}

    def _decrypted(self, context: str | None, value: Any) -> Any:
        if context is not None and (is_token(value) or is_misfit_token(value)):
            return self._protector.decrypt_writeback(context, value)
        return value


def _entry(members: Sequence[StoredWriteback], clear: _Clear) -> ToSend:
    first = members[0]
    conditions = [each.unchanged_since for each in members if each.unchanged_since is not None]
    return ToSend(
        numbers=tuple(each.number for each in members),
        record=first.record,
        external_id=str(clear.value(first.key_field, first.external_id)),
        fields=clear.values(merged_fields([each.fields for each in members])),
        accepted={name: each.guarded_from or each.accepted_at for each in members for name in each.fields},
        deadline=min(each.deadline for each in members),
        may_create=any(each.may_create for each in members),
        only_if=clear.values(merged_fields([each.only_if or {} for each in members])),
        unchanged_since=min(conditions, default=None),
        attempts=max(each.attempts for each in members),
        existed=first.replaced is not None,
    )
