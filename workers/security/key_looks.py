"""Data keys as operators see them: which there are, and whether what they encrypted opens."""

from collections import defaultdict
from contextlib import closing

from clients.database.key_register import DataKeyRegister
from clients.storage.data_key import checked_keys, first_manifests
from clients.storage.objects import ObjectStore
from clients.warehouse import Transaction, Warehouse
from clients.warehouse.sql import token_keys
from clients.warehouse.sql.apply import TOKEN_KEY, tables_of
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.errors import TidegateError
from schemas.security.keys import KeyCheck, KeyView, TokenCount
from transforms.pii import DataKey, KeyRing, is_any_token, seal_of
from transforms.pii.tokens import open_token
from workers.security.keys import open_keys
from workers.settings import Settings

_SAMPLE = 20
"""Tokens of a column that are decrypted."""


class KeyLooks:
    """Looks at the keys of one engine. Its methods block, and change nothing."""

    def __init__(
        self, settings: Settings, store: ObjectStore, warehouse: Warehouse, catalogue: Catalogue
    ) -> None:
        self._org = settings.salesforce.org_id
        self._settings = settings
        self._store = store
        self._warehouse = warehouse
        self._catalogue = catalogue

    def keys(self) -> tuple[KeyView, ...]:
        """Every key, the oldest first. Raises `DataKeyMissingError` or `WrongDataKeyError` when one
        is not what it was.
        """
        keys, register = open_keys(self._settings, self._store)
        with closing(register):
            found = checked_keys(keys, register.known(self._org))
            return self._views(found, register)

    def verify(self) -> KeyCheck:
        """Open every key, hold its fingerprint against register and manifests, count the tokens of
        each column by key, and decrypt some of them.
        """
        keys, register = open_keys(self._settings, self._store)
        with closing(register):
            try:
                found = checked_keys(keys, register.known(self._org))
            except TidegateError as error:
                return KeyCheck(keys=(), tokens=(), manifests=0, opened=0, problems=(str(error),))
            views = self._views(found, register)
        if not found:
            return KeyCheck(keys=(), tokens=(), manifests=0, opened=0, problems=())
        manifests, problems = _manifest_problems(self._org, self._store, found)
        ring, tokens, opened = KeyRing(found.values()), [], 0
        for spec in self._catalogue.objects.values():
            for each in self._warehouse.with_copy():
                with each.reading() as reading:
                    for counted in self._counts(reading, spec):
                        tokens.append(self._placed(each, counted))
                        if counted.key_id not in found:
                            problems.append(_unreadable(counted))
                    some, wrong = self._opened(reading, spec, ring)
                opened += some
                problems += wrong
        return KeyCheck(
            keys=views, tokens=tuple(tokens), manifests=manifests, opened=opened, problems=tuple(problems)
        )

    def _views(self, found: dict[str, DataKey], register: DataKeyRegister) -> tuple[KeyView, ...]:
        known = {key.id: key for key in register.keys(self._org)} if register.known(self._org) else {}
        objects: defaultdict[str, list[str]] = defaultdict(list)
        if TOKEN_KEY in self._warehouse.existing_columns():
            for each in self._warehouse.with_copy():
                with each.reading() as reading:
                    for name, key_id in reading.fetch(token_keys.list_token_keys()):
                        if name not in objects[key_id]:
                            objects[key_id].append(name)
        ring = KeyRing(found.values()) if found else None
        return tuple(
            KeyView(
                id=key_id,
                fingerprint=found[key_id].fingerprint,
                is_active=ring is not None and key_id == ring.active.id,
                made_at=known[key_id].made_at if key_id in known else None,
                made_by=known[key_id].made_by if key_id in known else "",
                objects=tuple(objects[key_id]),
            )
            for key_id in (ring.ids if ring else ())
        )

    def _placed(self, where: Warehouse, counted: TokenCount) -> TokenCount:
        """The count with the name of its store, where there are two."""
        is_own = where is self._warehouse.with_copy()[-1]
        return counted if is_own else counted.model_copy(update={"table": f"read copy {counted.table}"})

    def _counts(self, reading: Transaction, spec: ObjectSpec) -> list[TokenCount]:
        return [
            TokenCount(table=table, column=column, form=form, key_id=key_id, tokens=int(count))
            for table, column in self._token_columns(spec)
            for form, key_id, count in reading.fetch(token_keys.count_by_key(table, column))
        ]

    def _opened(self, reading: Transaction, spec: ObjectSpec, ring: KeyRing) -> tuple[int, list[str]]:
        names = {column: name for name, column in spec.columns.items()}
        opened, wrong = 0, []
        for table, column in self._token_columns(spec):
            context, failed = seal_of(spec, names[column]).context, 0
            for (token,) in reading.fetch(token_keys.sample_tokens(table, column, _SAMPLE)):
                try:
                    open_token(ring, context, token)
                    opened += 1
                except ValueError:
                    failed += 1
            if failed:
                wrong.append(
                    f"{failed} of {_SAMPLE} values of {table}.{column} do not open. Backfill {spec.name}, which reads them again."
                )
        return opened, wrong

    def _token_columns(self, spec: ObjectSpec) -> list[tuple[str, str]]:
        there = self._warehouse.existing_columns()
        columns = [spec.columns[name] for name, field in spec.fields.items() if field.is_protected]
        return [
            (table, column)
            for table in tables_of(spec)
            for column in columns
            if column in there.get(table, ())
        ]


def _manifest_problems(org: str, store: ObjectStore, found: dict[str, DataKey]) -> tuple[int, list[str]]:
    count, problems = 0, []
    for manifest in first_manifests(org, store):
        count += 1
        key_id, _, fingerprint = manifest.data_key.partition(":")
        if key_id and (key_id not in found or found[key_id].fingerprint != fingerprint):
            problems.append(
                f"The batch {manifest.batch} was landed with another key {key_id} than is there. Bring that key back."
            )
    return count, problems


def _unreadable(counted: TokenCount) -> str:
    where = f"{counted.table}.{counted.column}"
    if not is_any_token(f"{counted.form}."):
        return f"{counted.tokens:,} values of {where} are no tokens. Replay or backfill the object: they may be personal."
    return f"{counted.tokens:,} values of {where} are under key {counted.key_id}, which the org does not have. Bring it back."
